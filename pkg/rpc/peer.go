// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// peer is an address and the connection to it: none, being dialled, or there.
type peer struct {
	pool *Pool
	addr string
	// current takes calls, or is about to be replaced; nil while there is none.
	current atomic.Pointer[clientConn]

	mu         sync.Mutex
	conns      []*clientConn  // not broken, as far as known: the current and retired ones
	waiting    []*pendingCall // for the dial, in order
	bytes      int            // of the payloads waiting
	cancelDial func()         // not nil while dialling
	dialled    int            // how many dials there were
	hopeless   bool           // the dial takes long, after one that has failed: no call waits for it
	closed     bool

	failure error         // of the last dial; nil if it succeeded
	unheard int           // how many dials in a row have connected and had no answer to the hello
	pause   time.Duration // after that failure, but for jitter
	retryAt time.Duration // no dial before, after a failure
}

// submit sends a call or lets it wait for a dial. The call will be ended, perhaps before submit returns.
func (p *peer) submit(call *pendingCall) {
	if c := p.current.Load(); c != nil && !call.probe {
		if err := c.start(call); err == nil {
			return
		} else if err != errElsewhere {
			call.finish(nil, err)
			return
		}
	}
	if ended, err := p.submitSlowly(call); ended {
		call.finish(nil, err)
	}
}

// submitSlowly is submit without a connection that could be had at a glance. If ended, the
// caller ends the call, with err.
func (p *peer) submitSlowly(call *pendingCall) (ended bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.current.Load(); c != nil {
		if ended, err := p.use(c, call); err != errElsewhere {
			return ended, err
		}
		p.current.CompareAndSwap(c, nil)
	}
	config := &p.pool.config
	switch {
	case p.closed:
		return true, notSentError(api.CodeUnavailable, "the pool of connections is closed", nil)
	case p.cancelDial != nil && p.hopeless:
		return true, p.failure
	case p.cancelDial != nil:
	case p.retryAt > p.pool.env.Monotonic():
		return true, p.failure
	default:
		p.dialSoon()
	}
	if len(p.waiting) >= config.CallsMax || p.bytes+len(call.payload) > config.QueuedBytesMax {
		return true, notSentError(api.CodeOverloaded, "too many calls are waiting for a connection to "+p.addr, nil)
	}
	p.waiting = append(p.waiting, call)
	p.bytes += len(call.payload)
	return false, nil
}

// use makes a call on c, or satisfies one that asks for the peer. The lock is held.
func (p *peer) use(c *clientConn, call *pendingCall) (ended bool, err error) {
	if !call.probe {
		err := c.start(call)
		return err != nil, err
	}
	if !c.alive() {
		return false, errElsewhere
	}
	call.peer = c.peer
	return true, nil
}

// dialSoon starts a dial. The lock is held.
func (p *peer) dialSoon() {
	e := p.pool.env
	ctx, cancel := env.WithCancel(context.Background())
	patient := p.pool.config.DialTimeout << min(p.unheard, helloDoublingsMax)
	p.cancelDial, p.hopeless = cancel, false
	p.dialled++
	var patience env.Timer
	if dial := p.dialled; p.failure != nil {
		patience = e.AfterFunc(redialPatience, func() { p.despair(dial) })
	}
	e.Go("rpc dial "+p.addr, func() {
		defer cancel()
		if patience != nil {
			defer patience.Stop()
		}
		c, err := p.dial(ctx, patient)
		if err != nil {
			p.dialFailed(err)
			return
		}
		p.connected(c)
	})
}

// fullJitter draws from all of a pause (Brooker, "Exponential backoff and jitter", 2015): clients that have lost a
// server together come back one by one.
func fullJitter(random *env.Rand, pause time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(pause) + 1))
}

// despair ends the calls that wait for a dial, if it goes on: an address that could not be reached before, and does not
// answer, must not hold each call up for as long as it takes to give a dial up.
func (p *peer) despair(dial int) {
	p.mu.Lock()
	if p.dialled != dial || p.cancelDial == nil {
		p.mu.Unlock()
		return
	}
	p.hopeless = true
	failure, waiting := p.failure, p.takeWaiting()
	p.mu.Unlock()
	for _, call := range waiting {
		call.finish(nil, failure)
	}
}

// dial connects and shakes hands. It blocks until ctx ends at most: for DialTimeout for the connection, and for patient
// for the answer to the hello. A server that has thousands of callers at once connects, and answers late: to give up
// and begin again only adds to what it has to do.
func (p *peer) dial(ctx context.Context, patient time.Duration) (*clientConn, error) {
	limited, cancel := env.WithTimeout(p.pool.env, ctx, p.pool.config.DialTimeout)
	link, err := p.pool.transport.Dial(limited, p.addr)
	cancel()
	if err != nil {
		return nil, err
	}
	limited, cancel = env.WithTimeout(p.pool.env, ctx, patient)
	defer cancel()
	info, err := p.shakeHands(limited, link)
	if err != nil {
		link.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &unheard{err}
		}
		return nil, err
	}
	link.Greeted()
	info.Address = p.addr
	if accept := p.pool.config.Accept; accept != nil {
		if err := accept(info); err != nil {
			link.Close()
			return nil, &unaccepted{err}
		}
	}
	return newClientConn(p, link, info), nil
}

func (p *peer) shakeHands(ctx context.Context, link Link) (PeerInfo, error) {
	identity := &p.pool.config.Identity
	stop := env.OnDone(ctx, link.Close)
	err := link.Send(ClassControl, [][]byte{appendHello(nil, identity.hello())})
	var answer []byte
	if err == nil {
		answer, err = link.Receive(ClassControl)
	}
	if !stop() {
		return PeerInfo{}, fmt.Errorf("no answer to the hello: %w", context.Cause(ctx))
	}
	if err != nil {
		return PeerInfo{}, fmt.Errorf("no answer to the hello: %w", err)
	}
	return identity.parseWelcome(answer)
}

// dialFailed ends the calls that wait, and begins a pause.
func (p *peer) dialFailed(cause error) {
	config := &p.pool.config
	failure := p.dialError(cause)
	p.mu.Lock()
	p.cancelDial = nil
	first := p.failure == nil
	p.failure = failure
	if _, late := errors.AsType[*unheard](cause); late {
		p.unheard++
	} else {
		p.unheard = 0
	}
	p.pause = min(max(2*p.pause, config.BackoffMin), config.BackoffMax)
	p.retryAt = p.pool.env.Monotonic() + fullJitter(p.pool.rand, p.pause)
	waiting := p.takeWaiting()
	p.mu.Unlock()
	p.pool.logDial(p.addr, cause, first)
	for _, call := range waiting {
		call.finish(nil, failure)
	}
}

// dialError returns what calls get when a dial fails: what the peer said if it refused, else api.CodeUnavailable.
func (p *peer) dialError(cause error) error {
	if own, ok := errors.AsType[*unaccepted](cause); ok {
		return notSentError(api.CodeOf(own.err), own.text(), cause)
	}
	if refusal, ok := errors.AsType[*api.Error](cause); ok {
		return &api.Error{
			Code: refusal.Code, Op: refusal.Op, Detail: refusal.Detail,
			Message: fmt.Sprintf("%s refused the connection: %s", p.addr, refusal.Message),
			Cause:   &notSent{},
		}
	}
	return notSentError(api.CodeUnavailable, "cannot connect to "+p.addr, cause)
}

// errNoConnection is the error of a call whose deadline has passed while it waited for a dial.
func (p *peer) errNoConnection(cause error) *api.Error {
	return notSentError(api.CodeUnavailable, "no connection to "+p.addr+" before the call's deadline", cause)
}

// connected sends what waits, in order, then lets new calls at the connection.
func (p *peer) connected(c *clientConn) {
	p.mu.Lock()
	p.cancelDial = nil
	again := p.failure != nil
	p.failure, p.pause, p.retryAt, p.unheard = nil, 0, 0, 0
	type end struct {
		call *pendingCall
		err  error
	}
	var ends []end
	closed := p.closed
	for _, call := range p.takeWaiting() {
		if ended, err := p.use(c, call); ended {
			ends = append(ends, end{call, err})
		}
	}
	p.conns = append(p.conns, c)
	if !closed {
		p.current.Store(c)
	}
	p.mu.Unlock()
	if again {
		p.pool.config.Logger.Info("connected again", "address", p.addr)
	}
	for _, end := range ends {
		end.call.finish(nil, end.err)
	}
	if closed {
		c.fail(errClosed) // before anything is sent
		return
	}
	c.greet()
	c.run()
}

func (p *peer) takeWaiting() []*pendingCall {
	waiting := p.waiting
	p.waiting, p.bytes = nil, 0
	return waiting
}

// retired makes no more calls on a connection.
func (p *peer) retired(c *clientConn) { p.current.CompareAndSwap(c, nil) }

// lost forgets a broken connection.
func (p *peer) lost(c *clientConn) {
	p.retired(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(other *clientConn) bool { return other == c })
}

// cancel ends a call by the error that end makes of cause, unless it has ended, and reports whether it did.
func (p *peer) cancel(call *pendingCall, end func(cause error) *api.Error, cause error) bool {
	if p.leave(call) {
		if errors.Is(cause, context.DeadlineExceeded) {
			call.finish(nil, p.errNoConnection(cause))
		} else {
			call.finish(nil, end(&notSent{cause}))
		}
		return true
	}
	if call.conn != nil && call.conn.abandon(call) {
		call.finish(nil, end(cause))
		return true
	}
	return false
}

// leave takes a call out of those that wait for the dial, and reports whether it was there.
func (p *peer) leave(call *pendingCall) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, call)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	p.bytes -= len(call.payload)
	return true
}

// expire ends the calls whose deadline the pool watches and has passed, and returns the earliest one left, zero for
// none.
func (p *peer) expire(now time.Duration) (next time.Duration) {
	var expired []*pendingCall
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(call *pendingCall) bool {
		by := earliest(call.sendBy, call.deadline)
		if !call.swept || by == 0 || by > now {
			if call.swept {
				next = earliest(next, by)
			}
			return false
		}
		expired = append(expired, call)
		p.bytes -= len(call.payload)
		return true
	})
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, call := range expired {
		call.finish(nil, p.errNoConnection(nil))
	}
	for _, c := range conns {
		next = earliest(next, c.expire(now))
	}
	return next
}

// disconnect breaks all connections, and the dial if there is one.
func (p *peer) disconnect(err error, closed bool) {
	p.mu.Lock()
	p.closed = p.closed || closed
	conns, cancelDial := slices.Clone(p.conns), p.cancelDial
	p.mu.Unlock()
	if cancelDial != nil {
		cancelDial()
	}
	for _, c := range conns {
		c.fail(err)
	}
}
