// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// TestAnswersLeave shows when the memory of an answer is free again: when it is on the network, which a caller that
// reads nothing fills, or when it is dropped, be it before it was queued or after.
func TestAnswersLeave(t *testing.T) {
	const requests, fit = 20, 4 // the network's window takes four answers
	answer := make([]byte, 256<<10)
	var made, left int
	var late *rpc.Request
	register := func(m *rpc.Mux) {
		made, left = 0, 0
		m.HandleAsync("late", func(req *rpc.Request) {
			req.OnLeft(func() { left++ })
			late = req
		})
		m.HandleAsync("large", func(req *rpc.Request) {
			made++
			req.OnLeft(func() { left++ })
			req.Reply(answer, nil)
		})
	}
	inVirtualTime(t, 4, options{}, register, func(t *testing.T, w *world) {
		link := w.dialGreeted()
		rest := func(d time.Duration) {
			t.Helper()
			if err := env.Sleep(w.env, background, d); err != nil {
				t.Fatal(err)
			}
		}
		w.send(link, rpc.ClassControl, rpc.RequestFrame(requests+1, "late", 0, nil))
		for id := range uint64(requests) {
			w.send(link, rpc.ClassCall, rpc.RequestFrame(id+1, "large", 0, nil))
			rest(time.Millisecond)
		}
		if made != requests || left != fit {
			t.Errorf("%d answers made and %d have left, want %d and the %d that the network takes", made, left,
				requests, fit)
		}
		if _, err := link.Receive(rpc.ClassCall); err != nil {
			t.Fatal(err)
		}
		rest(time.Millisecond)
		if left <= fit {
			t.Errorf("%d answers have left after one was read", left)
		}
		link.Close()
		rest(time.Second)
		if left != requests {
			t.Errorf("%d answers have left a broken connection, want %d", left, requests)
		}
		late.Reply(answer, nil)
		if left != requests+1 {
			t.Error("a dropped answer has not left")
		}
	})
}
