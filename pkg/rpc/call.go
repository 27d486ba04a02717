// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// pendingCall is a call that has not ended. It waits for a dial, in its peer's list, or for an answer, in its
// connection's table; the task that removes it from there ends it.
type pendingCall struct {
	class   Class
	probe   bool // only wants to know who the peer is; sends nothing
	method  string
	payload []byte
	// deadline is on the monotonic clock; zero for none.
	deadline time.Duration
	// sendBy is until when it waits for a dial if it is swept, on the same clock; zero for the deadline.
	sendBy time.Duration
	// swept says that the pool watches the deadline. Who waits in Call does so itself.
	swept bool

	// done receives the outcome; nil for a task that waits in Call, which is woken instead.
	done   func(payload []byte, err error)
	parker env.Parker

	scratch [64]byte // for the header, as most are; on the stack it would escape

	// Guarded by conn's lock, once it is in conn's table.
	conn   *clientConn
	id     uint64
	number uint64 // of its frame in its lane

	// The end, for who waits.
	answer []byte
	err    error
	peer   PeerInfo
}

// finish ends the call. It is called once, by who took the call out of where it waited, without any lock.
func (c *pendingCall) finish(answer []byte, err error) {
	if c.done != nil {
		c.done(answer, err)
		return
	}
	c.answer, c.err = answer, err
	c.parker.Unpark()
}

// timeoutMillis returns what is left until the deadline as it travels: rounded up, zero
// for no deadline. It returns false if nothing is left.
func (c *pendingCall) timeoutMillis(e env.Env) (millis uint64, ok bool) {
	if c.deadline == 0 {
		return 0, true
	}
	left := c.deadline - e.Monotonic()
	if left <= 0 {
		return 0, false
	}
	return uint64((left-1)/time.Millisecond) + 1, true
}

func errDeadline(cause error) *api.Error {
	return &api.Error{Code: api.CodeDeadlineExceeded, Message: "the call's deadline passed before an answer " +
		"arrived",
		Cause: cause}
}

func errCancelled(cause error) *api.Error {
	return &api.Error{Code: api.CodeCancelled, Message: "the caller gave up before an answer arrived", Cause: cause}
}
