// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// windowBytes is how much may be on its way in a class before Send blocks.
const windowBytes = 1 << 20

var errNoHello = errors.New("more than a hello before the hello")

// end is one end of a link. It implements rpc.Link. It is guarded by the network's lock.
type end struct {
	network *Network
	host    *host
	name    string // address of this end, for the other
	peer    *end
	err     error // not nil once the link is broken at this end
	inboxes [rpc.Classes]inbox
	senders [rpc.Classes]env.Parker // of this end's tasks that wait for room in the peer's inbox
	goodbye goodbye
	greeted bool
}

// goodbye is the last that an end sends.
type goodbye struct {
	err error         // what the link ends with for the peer: io.EOF, or errReset; nil if nothing was sent
	at  time.Duration // arrival
}

// link makes a link between a transport and a listener. The lock is held.
func (n *Network) link(t *transport, l *listener) (near, far *end) {
	near, far = n.end(t.env, t.host, t.host.name), n.end(l.env, l.host, l.addr)
	near.peer, far.peer = far, near
	near.greeted = true // only who is dialled is on its guard
	n.links = append(n.links, near)
	return near, far
}

func (n *Network) end(e env.Env, h *host, name string) *end {
	made := &end{network: n, host: h, name: name}
	for class := range made.inboxes {
		made.inboxes[class].reader = e.NewParker()
		made.senders[class] = e.NewParker()
	}
	return made
}

// from is the route by which the peer reaches e.
func (e *end) from() route { return route{e.peer.host.name, e.host.name} }

// Gather implements rpc.Link: nothing is gained by it here.
func (e *end) Gather() {}

// Waste implements rpc.Link: nothing is lost by it here.
func (e *end) Waste(int) {}

// Send implements rpc.Link.
func (e *end) Send(class rpc.Class, parts [][]byte) error {
	frames, err := split(slices.Concat(parts...))
	if err != nil {
		return err
	}
	for {
		full, err := e.offer(class, frames)
		if !full {
			return err
		}
		if err := e.senders[class].Park(context.Background()); err != nil {
			return err
		}
	}
}

// split returns copies of the frames of b.
func split(b []byte) (frames [][]byte, err error) {
	for len(b) > 0 {
		frame, rest, err := rpc.SplitFrame(b)
		if err != nil {
			return nil, err
		}
		frames = append(frames, slices.Clone(frame))
		b = rest
	}
	return frames, nil
}

// offer sends frames on their way, unless the window is full.
func (e *end) offer(class rpc.Class, frames [][]byte) (full bool, err error) {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.err != nil {
		return false, e.err
	}
	in := &e.peer.inboxes[class]
	if in.bytes >= windowBytes {
		return true, nil
	}
	now := n.env.Monotonic()
	timer := time.Duration(-1) // the last that was set
	for _, frame := range frames {
		if at := e.post(in, now, frame); at > timer {
			e.peer.advanceAt(now, at)
			timer = at
		}
	}
	return false, nil
}

// post sends a frame on its way and returns when it arrives. The lock is held.
func (e *end) post(in *inbox, now time.Duration, frame []byte) (at time.Duration) {
	n, from, to := e.network, e.host.name, e.peer.host.name
	fate := n.fate(from, to)
	if fate == Corrupt {
		n.corrupt(frame)
	}
	return in.add(frame, now+n.delay(from, to), fate == Break)
}

func (e *end) advanceAt(now, at time.Duration) {
	n := e.network
	n.env.AfterFunc(at-now, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		e.advance()
	})
}

// advance lets arrive at this end what is due, unless a block is in the way. The lock is held.
func (e *end) advance() {
	n := e.network
	if e.err != nil || n.blocked[e.from()] {
		return
	}
	now := n.env.Monotonic()
	for class := range e.inboxes {
		if e.inboxes[class].advance(now) {
			e.reset(errReset)
			e.peer.reset(errReset)
			return
		}
	}
	if last := e.peer.goodbye; last.err != nil && last.at <= now {
		e.part(last.err)
	}
}

// part ends the link with what the peer has sent last. The lock is held.
func (e *end) part(err error) {
	for class := range e.inboxes {
		e.inboxes[class].ended = err == io.EOF
	}
	e.reset(err)
}

// Receive implements rpc.Link.
func (e *end) Receive(class rpc.Class) ([]byte, error) {
	for {
		frame, err := e.next(class)
		if frame != nil || err != nil {
			return frame, err
		}
		if err := e.inboxes[class].reader.Park(context.Background()); err != nil {
			return nil, err
		}
	}
}

// next returns the oldest frame that has arrived, nil if none has.
func (e *end) next(class rpc.Class) ([]byte, error) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	in := &e.inboxes[class]
	if e.err != nil && !in.ended {
		return nil, e.err
	}
	frame, err := in.take()
	if !e.greeted && (len(frame) > rpc.HelloBytesMax || frame != nil && class != rpc.ClassControl) {
		return nil, errNoHello
	}
	if frame != nil {
		e.peer.senders[class].Unpark()
	}
	return frame, err
}

// Charge implements rpc.Link: what is on its way in memory is there anyway.
func (e *end) Charge(*rpc.Account) {}

// Greeted implements rpc.Link.
func (e *end) Greeted() {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.greeted = true
}

// Close implements rpc.Link. The peer still receives what was sent before.
func (e *end) Close() {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	open := e.err == nil
	e.abandon(net.ErrClosed)
	if !open {
		return
	}
	now := n.env.Monotonic()
	e.goodbye = goodbye{err: io.EOF, at: now + n.delay(e.host.name, e.peer.host.name)}
	for class := range e.peer.inboxes {
		e.goodbye.at = max(e.goodbye.at, e.peer.inboxes[class].lastAt)
	}
	e.peer.advanceAt(now, e.goodbye.at)
}

// crash breaks the link as the host of e goes down. The peer is told at once, if nothing is in the way. The lock
// is held.
func (e *end) crash() {
	e.abandon(errReset)
	e.goodbye = goodbye{err: errReset}
	if !e.network.blocked[e.peer.from()] {
		e.peer.reset(errReset)
	}
}

// abandon breaks the link at this end, which reads no more. The lock is held.
func (e *end) abandon(err error) {
	for class := range e.inboxes {
		e.inboxes[class].ended = false
	}
	e.reset(err)
}

// reset breaks the link at this end. The lock is held.
func (e *end) reset(err error) {
	if e.err == nil {
		e.err = err
	}
	for class := range e.inboxes {
		e.inboxes[class].reader.Unpark()
		e.senders[class].Unpark()
	}
	e.gone()
}

// gone drops the link from the network once it is broken at both ends. The lock is held.
func (e *end) gone() {
	if e.err == nil || e.peer.err == nil {
		return
	}
	n := e.network
	n.links = slices.DeleteFunc(n.links, func(other *end) bool { return other == e || other == e.peer })
}

// RemoteAddr implements rpc.Link.
func (e *end) RemoteAddr() string { return e.peer.name }
