// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// errClosed breaks the connections of a pool that is closed.
var errClosed = errors.New("closed by this process")

// PoolConfig configures a Pool.
type PoolConfig struct {
	Identity Identity
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
	// Accept, if not nil, refuses a peer, by what it said in its hello, with an error, which the calls get; nothing is
	// sent to it then. It must not block.
	Accept func(peer PeerInfo) error
	// DialTimeout bounds connecting, and then the handshake, which gets up to eight times as long with every failure.
	// Default 5 s.
	DialTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause after a failed dial, which is drawn from zero to a limit that doubles
	// with every failure. Defaults 50 ms, 2 s.
	BackoffMin, BackoffMax time.Duration
	// CallsMax bounds the calls in flight per connection, QueuedBytesMax the bytes waiting to be
	// sent: a call over them fails with api.CodeOverloaded, not sent. Defaults 65,536 and 64 MiB.
	CallsMax, QueuedBytesMax int
}

func (c PoolConfig) withDefaults() PoolConfig {
	c.DialTimeout = cmp.Or(c.DialTimeout, defaultDialTimeout)
	c.BackoffMin = cmp.Or(c.BackoffMin, defaultBackoffMin)
	c.BackoffMax = cmp.Or(c.BackoffMax, defaultBackoffMax)
	c.CallsMax = cmp.Or(c.CallsMax, defaultCallsMax)
	c.QueuedBytesMax = cmp.Or(c.QueuedBytesMax, defaultQueuedBytesMax)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Pool makes calls to other processes, over one connection an address, made when
// first needed. It is safe for concurrent use.
type Pool struct {
	env       env.Env
	transport Transport
	config    PoolConfig
	rand      *env.Rand
	sweeper   sweeper

	mu     sync.RWMutex
	peers  map[string]*peer
	closed bool
}

// NewPool returns a pool without connections.
func NewPool(e env.Env, t Transport, config PoolConfig) *Pool {
	p := &Pool{env: e, transport: t, config: config.withDefaults(), rand: e.Rand("rpc backoff"),
		peers: make(map[string]*peer)}
	p.sweeper = sweeper{env: e, sweep: p.expire}
	return p
}

// Call calls a method of the process at addr and returns its answer, which belongs to the caller. It blocks
// until the answer comes or ctx ends. payload must not be changed afterwards, even if the call fails.
//
// While an address that the last attempt did not reach is dialled again, calls wait for that for a moment only, and
// then get the previous error.
//
// Errors are of type *api.Error. NotSent tells whether the peer certainly never got the
// call. Besides what the peer answered:
//   - api.CodeUnavailable: no connection, or none before ctx's deadline, or it broke before the call was handed to it.
//     Not sent.
//   - api.CodeMismatch, api.CodePermissionDenied: the peer refused the connection. Not sent.
//   - api.CodeOverloaded: too much is waiting on the connection. Not sent.
//   - api.CodeTooLarge: payload or method exceed PayloadBytesMax or MethodBytesMax. Not sent.
//   - api.CodeUnknown: the connection broke after the call was handed to it.
//   - api.CodeDeadlineExceeded, api.CodeCancelled: ctx ended first.
func (p *Pool) Call(ctx context.Context, addr string, class Class, method string, payload []byte) ([]byte, error) {
	call := &pendingCall{class: class, method: method, payload: payload}
	p.await(ctx, addr, call)
	return call.answer, call.err
}

// await submits a call and waits for its end.
func (p *Pool) await(ctx context.Context, addr string, call *pendingCall) {
	if at, ok := env.DeadlineAt(p.env, ctx); ok {
		// Zero stands for no deadline: a nanosecond is as long past as zero is.
		call.deadline = max(at, 1)
	}
	if ctx.Err() != nil {
		call.err = ended(context.Cause(ctx))(&notSent{context.Cause(ctx)})
		return
	}
	call.parker = p.env.NewParker()
	peer := p.submit(addr, call)
	cause := call.parker.Park(ctx)
	if cause == nil {
		return
	}
	// Whether it is cancelled here or has just ended otherwise, the permit comes.
	if peer != nil {
		peer.cancel(call, ended(cause), cause)
	}
	park(call.parker)
}

// ended returns what makes the error of a call whose context ended by cause.
func ended(cause error) func(error) *api.Error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return errDeadline
	}
	return errCancelled
}

// Start is Call without waiting: it does not block, and done is called exactly once, with what Call would return.
// deadline is on the monotonic clock of the Env, zero for none. done runs on a task of the pool, or of the
// caller before Start returns; it must not block. cancel gives up: unless done was called or is being called, it is
// called, with api.CodeCancelled, before cancel returns.
func (p *Pool) Start(deadline time.Duration, addr string, class Class, method string, payload []byte,
	done func(payload []byte, err error)) (cancel func()) {
	return p.StartBy(deadline, deadline, addr, class, method, payload, done)
}

// StartBy is Start for a caller who has to know earlier than at the deadline that the call can't be sent: a call that
// waits for a connection at sendBy ends with api.CodeUnavailable, not sent. It is on the same clock, zero for none.
func (p *Pool) StartBy(sendBy, deadline time.Duration, addr string, class Class, method string, payload []byte,
	done func(payload []byte, err error)) (cancel func()) {
	call := &pendingCall{class: class, method: method, payload: payload, deadline: deadline, sendBy: sendBy,
		swept: deadline != 0 || sendBy != 0, done: done}
	peer := p.submit(addr, call)
	if peer == nil {
		return func() {}
	}
	if call.swept {
		p.sweeper.watch(earliest(sendBy, deadline))
	}
	return func() { peer.cancel(call, errCancelled, nil) }
}

// submit sends the call, or ends it and returns nil.
func (p *Pool) submit(addr string, call *pendingCall) *peer {
	if err := check(call); err != nil {
		call.finish(nil, err)
		return nil
	}
	peer, err := p.peer(addr)
	if err != nil {
		call.finish(nil, err)
		return nil
	}
	peer.submit(call)
	return peer
}

// check refuses a call that no peer would take.
func check(call *pendingCall) error {
	switch {
	case call.class >= Classes:
		return notSentError(api.CodeInvalidArgument, "no such class of calls: "+call.class.String(), nil)
	case len(call.method) > MethodBytesMax:
		return notSentError(api.CodeTooLarge, "the name of the method is too long", nil)
	case len(call.payload) > PayloadBytesMax:
		return notSentError(api.CodeTooLarge, "the payload does not fit into a frame", nil)
	}
	return nil
}

func (p *Pool) peer(addr string) (*peer, error) {
	p.mu.RLock()
	found := p.peers[addr]
	p.mu.RUnlock()
	if found != nil {
		return found, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.peers[addr]; found != nil {
		return found, nil
	}
	if p.closed {
		return nil, notSentError(api.CodeUnavailable, "the pool of connections is closed", nil)
	}
	made := &peer{pool: p, addr: addr}
	p.peers[addr] = made
	return made, nil
}

// Peer returns who is at addr, connecting if need be. Errors are as of Call.
func (p *Pool) Peer(ctx context.Context, addr string) (PeerInfo, error) {
	call := &pendingCall{probe: true}
	p.await(ctx, addr, call)
	return call.peer, call.err
}

// Connected reports whether there is a connection to addr that takes calls, as far as is known. It does not block.
func (p *Pool) Connected(addr string) bool {
	p.mu.RLock()
	peer := p.peers[addr]
	p.mu.RUnlock()
	if peer == nil {
		return false
	}
	c := peer.current.Load()
	return c != nil && c.alive()
}

// Connect is Peer that tries again, with backoff, until ctx ends, as long as nobody
// answers at addr; then it returns why the last attempt failed. A peer that refuses is an error at once.
func (p *Pool) Connect(ctx context.Context, addr string) (PeerInfo, error) {
	for {
		info, err := p.Peer(ctx, addr)
		if api.CodeOf(err) != api.CodeUnavailable {
			return info, err
		}
		pause, ok := p.pause(addr)
		if !ok || env.Sleep(p.env, ctx, pause) != nil {
			return info, err
		}
	}
}

// pause returns how long not to dial addr, and false if the pool is closed.
func (p *Pool) pause(addr string) (time.Duration, bool) {
	peer, err := p.peer(addr)
	if err != nil {
		return 0, false
	}
	peer.mu.Lock()
	defer peer.mu.Unlock()
	if peer.cancelDial != nil { // which calls no longer wait for
		return redialPatience, !peer.closed
	}
	return max(peer.retryAt-p.env.Monotonic(), 0), !peer.closed
}

// Disconnect breaks the connection to addr, if there is one. Calls on it fail with
// api.CodeUnavailable or api.CodeUnknown, as on any loss; the next call opens a new connection.
func (p *Pool) Disconnect(addr, reason string) {
	p.mu.RLock()
	peer := p.peers[addr]
	p.mu.RUnlock()
	if peer != nil {
		peer.disconnect(errors.New(reason), false)
	}
}

// Close breaks all connections. Calls in flight fail as on any loss, later ones with api.CodeUnavailable.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, peer := range p.sorted() {
		peer.disconnect(errClosed, true)
	}
	p.sweeper.stop()
}

// sorted returns the peers by address.
func (p *Pool) sorted() []*peer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	peers := make([]*peer, 0, len(p.peers))
	for _, addr := range slices.Sorted(maps.Keys(p.peers)) {
		peers = append(peers, p.peers[addr])
	}
	return peers
}

// expire ends the calls of Start whose deadline has passed, and returns the earliest one left, zero for none.
func (p *Pool) expire(now time.Duration) (next time.Duration) {
	for _, peer := range p.sorted() {
		next = earliest(next, peer.expire(now))
	}
	return next
}

// logDial tells of the first of a row of failed dials; the others are for debugging.
func (p *Pool) logDial(addr string, err error, first bool) {
	level := slog.LevelDebug
	if first {
		level = slog.LevelInfo
	}
	p.config.Logger.Log(context.Background(), level, "cannot connect", "address", addr, "error", err)
}

func (p *Pool) logLost(addr string, err error, calls int) {
	p.config.Logger.Debug("connection lost", "address", addr, "calls", calls, "error", err)
}
