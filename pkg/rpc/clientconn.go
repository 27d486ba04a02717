// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

var (
	// errElsewhere: the connection takes no more calls; another one must be made.
	errElsewhere = errors.New("connection retired")
	// errGoaway breaks a retired connection once its last call has ended.
	errGoaway = errors.New("the peer is going away")
	errAnswer = errors.New("answer to a call that was never made")
)

// clientConn is the calling end of a connection.
type clientConn struct {
	conn
	owner  *peer
	peer   PeerInfo
	lastID atomic.Uint64

	// Guarded by conn.mu.
	calls   map[uint64]*pendingCall
	retired bool // the peer is going away: no new calls
}

func newClientConn(owner *peer, link Link, info PeerInfo) *clientConn {
	c := &clientConn{owner: owner, peer: info, calls: make(map[uint64]*pendingCall)}
	c.init(owner.pool.env, link, c)
	return c
}

// start sends a call. After nil it is in the table and will be ended; any other result is for the
// caller to end it with, errElsewhere excepted. It may be called with the peer's lock held.
func (c *clientConn) start(call *pendingCall) error {
	millis, ok := call.timeoutMillis(c.env)
	if !ok {
		return errDeadline(&notSent{})
	}
	id := c.lastID.Add(1)
	header := appendRequest(call.scratch[:0], id, call.method, millis, call.payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.retired {
		return errElsewhere
	}
	l := &c.lanes[call.class]
	config := &c.owner.pool.config
	if len(c.calls) >= config.CallsMax || l.bytes+len(call.payload) > config.QueuedBytesMax {
		return notSentError(api.CodeOverloaded, "the send queue is full on the connection to "+c.owner.addr, nil)
	}
	call.conn, call.id = c, id
	c.calls[id] = call
	call.number = l.push(header, call.payload)
	call.payload = nil
	c.sendQueued(call.class)
	return nil
}

// alive reports whether the connection takes calls.
func (c *clientConn) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.retired
}

// abandon takes a call out of the table and tells the peer, and reports whether the call was there.
func (c *clientConn) abandon(call *pendingCall) bool {
	c.mu.Lock()
	if c.calls[call.id] != call {
		c.mu.Unlock()
		return false
	}
	delete(c.calls, call.id)
	c.pushCancel(call)
	over := c.over()
	c.mu.Unlock()
	if over {
		c.fail(errGoaway)
	}
	return true
}

// pushCancel queues a cancellation behind the request. The lock is held.
func (c *clientConn) pushCancel(call *pendingCall) {
	var scratch [32]byte
	c.lanes[call.class].push(appendBare(scratch[:0], kindCancel, call.id), nil)
	c.sendQueued(call.class)
}

// over reports whether a retired connection has seen its last call end. The lock is held.
func (c *clientConn) over() bool { return c.retired && len(c.calls) == 0 && c.err == nil }

// room implements end: answers are always read, so that a server is never kept from answering.
func (c *clientConn) room(Class) {}

// refuse implements end: answers have no account.
func (c *clientConn) refuse(Class, []byte) error { return ErrNoRoom }

// handle implements end.
func (c *clientConn) handle(_ Class, f frame) error {
	switch f.kind {
	case kindResponse:
		payload, err := f.end(0)
		if err != nil {
			return err
		}
		return c.answer(f.id, payload, nil)
	case kindError:
		e, err := f.error()
		if err != nil {
			return err
		}
		return c.answer(f.id, nil, e)
	case kindGoaway:
		c.retire()
		return nil
	}
	return errKind
}

func (c *clientConn) answer(id uint64, payload []byte, e *api.Error) error {
	if id > c.lastID.Load() {
		return errAnswer
	}
	c.mu.Lock()
	call := c.calls[id]
	delete(c.calls, id)
	over := c.over()
	c.mu.Unlock()
	// Without a call it is the answer to one that was abandoned.
	if call != nil {
		if e != nil {
			call.finish(nil, e)
		} else {
			call.finish(payload, nil)
		}
	}
	if over {
		return errGoaway
	}
	return nil
}

func (c *clientConn) retire() {
	c.mu.Lock()
	c.retired = true
	over := c.over()
	c.mu.Unlock()
	c.owner.retired(c)
	if over {
		c.fail(errGoaway)
	}
}

// expire ends the calls whose deadline the pool watches and has passed, and returns the earliest one left, zero for
// none.
func (c *clientConn) expire(now time.Duration) (next time.Duration) {
	var expired []*pendingCall
	c.mu.Lock()
	for _, call := range c.calls { //kelpie:unordered sorted below; the minimum has no order
		switch {
		case !call.swept || call.deadline == 0:
		case call.deadline <= now:
			expired = append(expired, call)
		default:
			next = earliest(next, call.deadline)
		}
	}
	slices.SortFunc(expired, byID)
	for _, call := range expired {
		delete(c.calls, call.id)
		c.pushCancel(call)
	}
	over := c.over()
	c.mu.Unlock()
	for _, call := range expired {
		call.finish(nil, errDeadline(nil))
	}
	if over {
		c.fail(errGoaway)
	}
	return next
}

// lost implements end: it ends all calls, by what is known of each.
func (c *clientConn) lost(err error) {
	c.owner.lost(c)
	c.mu.Lock()
	calls := make([]*pendingCall, 0, len(c.calls))
	for _, call := range c.calls { //kelpie:unordered sorted below
		calls = append(calls, call)
	}
	clear(c.calls)
	var taken [Classes]uint64
	for i := range c.lanes {
		taken[i] = c.lanes[i].taken
	}
	c.mu.Unlock()
	slices.SortFunc(calls, byID)
	c.owner.pool.logLost(c.owner.addr, err, len(calls))
	for _, call := range calls {
		call.finish(nil, c.lostError(call, taken[call.class], err))
	}
}

func (c *clientConn) lostError(call *pendingCall, taken uint64, err error) *api.Error {
	if call.number > taken {
		return notSentError(api.CodeUnavailable,
			fmt.Sprintf("the connection to %s broke before the call was sent", c.owner.addr), err)
	}
	return &api.Error{
		Code:    api.CodeUnknown,
		Message: fmt.Sprintf("the connection to %s broke before an answer arrived", c.owner.addr),
		Cause:   err,
	}
}

func byID(a, b *pendingCall) int { return cmp.Compare(a.id, b.id) }

// earliest returns the earlier of two deadlines, of which zero is none.
func earliest(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
