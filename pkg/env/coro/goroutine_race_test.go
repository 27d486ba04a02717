// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package coro_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

func TestParkFromPlainGoroutine(t *testing.T) {
	run(t, 1, func(s *coro.Scheduler) {
		over := make(chan struct{})
		go func() {
			defer close(over)
			panics(t, "coro: Park outside of a task", func() { _ = s.Machine("n").NewParker().Park(background) })
		}()
		<-over
	})
}
