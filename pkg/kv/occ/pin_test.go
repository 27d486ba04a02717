// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

func TestAPinnedVersionStaysReadable(t *testing.T) {
	envtest.Simulated(t, 2, func(t *testing.T, sched *coro.Scheduler) {
		e := sched.Machine(coro.MainMachine)
		ctx := context.Background()
		s, err := occ.Open(e, occ.NewMemory(), occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		set := func(value string) {
			t.Helper()
			tx := s.Begin(kv.TxOptions{})
			tx.Set([]byte("k"), []byte(value))
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		at := func(v kv.Version) (string, error) {
			tx := s.Begin(kv.TxOptions{})
			tx.SetReadVersion(v)
			value, err := tx.Get(ctx, []byte("k"))
			return string(value), err
		}
		sleep := func(d time.Duration) {
			if err := env.Sleep(e, ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		set("old")
		v, err := s.Pin(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		set("new")
		for range 4 { // renewed, it stays
			sleep(kv.PinTime * 3 / 4)
			if value, err := at(v); err != nil || value != "old" {
				t.Fatalf("it reads %q, %v", value, err)
			}
			if _, err := s.Pin(ctx, v); err != nil {
				t.Fatal(err)
			}
		}
		sleep(kv.PinTime + time.Second)
		if _, err := at(v); !errors.Is(err, kv.ErrTooOld) {
			t.Fatalf("it can be read for ever: %v", err)
		}
		if _, err := s.Pin(ctx, v); !errors.Is(err, kv.ErrTooOld) {
			t.Fatalf("it can be pinned when it has gone: %v", err)
		}
		if v, err = s.Pin(ctx, 0); err != nil {
			t.Fatal(err)
		}
		sleep(30 * time.Second)
		if err := s.Unpin(ctx, v); err != nil {
			t.Fatal(err)
		}
		if _, err := at(v); !errors.Is(err, kv.ErrTooOld) {
			t.Fatalf("given up, it can be read: %v", err)
		}
		for i := range 20 {
			set("v")
			sleep(time.Second)
			if _, err := s.Pin(ctx, 0); (err != nil) != (i >= 16) || err != nil && !errors.Is(err, kv.ErrUnavailable) {
				t.Fatalf("pin %d: %v", i, err)
			}
		}
		if err := s.Close(); err != nil { // with pins
			t.Fatal(err)
		}
	})
}
