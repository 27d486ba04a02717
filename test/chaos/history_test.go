// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"fmt"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// op is a call and what became of it.
type op struct {
	caller int
	method string // add (of 1), put or get
	value  int64  // that was put

	called, returned time.Duration
	reply            int64 // to add or get; 0 for a register without a value
	err              error
}

func (o *op) String() string {
	what := o.method
	switch {
	case o.method == "put":
		what = fmt.Sprintf("put %d", o.value)
		if o.err == nil {
			break
		}
		fallthrough
	case o.err != nil:
		what += fmt.Sprintf(" failed (%v)", api.CodeOf(o.err))
	default:
		what += fmt.Sprintf(" -> %d", o.reply)
	}
	return fmt.Sprintf("%s to %s  caller %-3d %s", seconds(o.called), seconds(o.returned), o.caller, what)
}

// history is all calls of an actor, in order of their answers.
type history struct {
	actor api.ActorID

	mu    sync.Mutex
	calls int // begun
	ops   []*op
}

// begin counts a call, and returns how many there were before.
func (h *history) begin() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	return h.calls - 1
}

func (h *history) add(o *op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}
