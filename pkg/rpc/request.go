// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Request is a call being served.
type Request struct {
	// Method is the name under which the handler is registered.
	Method string
	// Payload belongs to the handler.
	Payload []byte

	conn     *serverConn
	id       uint64
	class    Class
	deadline time.Duration // zero for none
	scratch  [24]byte      // for the header of the answer; on the stack it would escape
	left     func()        // of OnLeft
	charged  int           // bytes of the account
	ran      bool          // see MayHaveRun

	// Guarded by conn.mu.
	replied   bool
	abandoned bool // nobody waits for the answer
	ended     bool // so is the context, if there is one
	ctx       context.Context
	cancel    context.CancelFunc
	gone      func() // of OnAbandoned
}

// Peer says who calls.
func (r *Request) Peer() PeerInfo { return r.conn.peer }

// Class is the class that the call came in, in which its answer goes out.
func (r *Request) Class() Class { return r.class }

// Deadline returns when the caller stops waiting, on the monotonic clock of the Env, and whether it does.
func (r *Request) Deadline() (at time.Duration, ok bool) { return r.deadline, r.deadline != 0 }

// Context returns a context that ends at the deadline, when the caller cancels, when the
// connection is lost, or once the request is answered. It is made by the first call.
func (r *Request) Context() context.Context {
	c := r.conn
	c.mu.Lock()
	if r.ctx == nil {
		if r.deadline != 0 {
			r.ctx, r.cancel = env.WithDeadlineAt(c.env, context.Background(), r.deadline)
		} else {
			r.ctx, r.cancel = env.WithCancel(context.Background())
		}
	}
	ctx, cancel, ended := r.ctx, r.cancel, r.ended
	c.mu.Unlock()
	if ended {
		cancel()
	}
	return ctx
}

// uselessCodes are the errors of requests that no server could serve: reading more of them may wait.
var uselessCodes = []api.Code{
	api.CodeInvalidArgument, api.CodeUnknownMethod, api.CodeUnknownNamespace, api.CodePermissionDenied,
}

// Reply answers the request: with payload, which must not be changed afterwards, or with err. It
// does not block, may be called from any task, and must be called exactly once: a second call panics.
// An answer to a caller who has gone is dropped.
func (r *Request) Reply(payload []byte, err error) {
	if err == nil && len(payload) > PayloadBytesMax {
		err = api.Errorf(api.CodeTooLarge, "the answer of %d bytes does not fit into a frame", len(payload))
	}
	header := r.header(payload, err)
	if err != nil {
		payload = nil
		if slices.Contains(uselessCodes, api.CodeOf(err)) {
			r.conn.link.Waste(len(r.Payload))
		}
	}
	switch account, size := r.conn.account, len(header)+len(payload); {
	case len(payload) < refusedBytesMin:
		account.Force(size)
	case !account.Take(size):
		header, payload = r.header(nil, r.noRoom()), nil
		account.Force(len(header))
	}
	cancel, dropped := r.conn.reply(r, header, payload)
	if cancel != nil {
		cancel()
	}
	if dropped && r.left != nil {
		r.left()
	}
}

// header returns that of an answer.
func (r *Request) header(payload []byte, err error) []byte {
	if err != nil {
		return appendError(r.scratch[:0], kindError, r.id, err)
	}
	return appendResponse(r.scratch[:0], r.id, payload)
}

// MayHaveRun says that the request has an effect, and so can't be refused once it is served. The handler calls it
// before Reply.
func (r *Request) MayHaveRun() { r.ran = true }

// noRoom is the answer in the place of one that the budget has no room for.
func (r *Request) noRoom() error {
	if r.ran {
		return api.Errorf(api.CodeUnknown, "the answer to %s is lost: %w", r.Method, ErrNoRoom)
	}
	return api.Errorf(api.CodeOverloaded, "%w: try again later", ErrNoRoom)
}

// OnLeft makes f be called, once, when the answer takes no more memory in this process: it was handed to the network,
// or dropped. Until then a caller who does not read his answers makes them wait here. It is called by the handler,
// before Reply, at most once. f runs on the task that writes the connection, or on that of Reply, and must not block.
func (r *Request) OnLeft(f func()) { r.left = f }

// OnAbandoned has f called, once, when the answer is no longer wanted: the caller cancels, or the connection is
// lost. If that has happened already, f is called before OnAbandoned returns. f takes the place of the one given
// before. It runs on the task that reads the connection, and must not block. It is not called after Reply, and not
// when the deadline passes.
func (r *Request) OnAbandoned(f func()) {
	r.conn.mu.Lock()
	abandoned := r.abandoned
	r.gone = f
	r.conn.mu.Unlock()
	if abandoned {
		f()
	}
}

// Abandoned reports whether the answer is no longer wanted.
func (r *Request) Abandoned() bool {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	return r.abandoned
}

// abandon ends the context of a request whose answer nobody waits for.
func (r *Request) abandon() {
	r.conn.mu.Lock()
	again := r.abandoned || r.replied
	r.abandoned, r.ended = true, true
	cancel, gone := r.cancel, r.gone
	r.conn.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if gone != nil && !again {
		gone()
	}
}
