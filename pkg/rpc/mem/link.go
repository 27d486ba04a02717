// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import (
	"context"
	"io"
	"net"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// windowBytes is how much may be on its way in a class before Send blocks.
const windowBytes = 1 << 20

// end is one end of a link. It implements rpc.Link. It is guarded by the network's lock.
type end struct {
	network *Network
	host    *host
	name    string // address of this end, for the other
	peer    *end
	err     error // not nil once the link is broken at this end
	inboxes [rpc.Classes]inbox
	senders [rpc.Classes]env.Parker // of this end's tasks that wait for room in the peer's inbox
	closing bool                    // Close was called, and the peer has not noticed
}

// inbox holds what is on its way to an end, and what has arrived there, in one class.
type inbox struct {
	transit [][]byte
	arrived [][]byte
	stalled int // of transit: what would have arrived but for a partition
	bytes   int
	reader  env.Parker
	ended   bool // nothing more will come
}

// link makes a link between a transport and a listener. The lock is held.
func (n *Network) link(t *transport, l *listener) (near, far *end) {
	near, far = n.end(t.env, t.host, t.host.name), n.end(l.env, l.host, l.addr)
	near.peer, far.peer = far, near
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

// Gather implements rpc.Link: nothing is gained by it here.
func (e *end) Gather() {}

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
	in.transit = append(in.transit, frames...)
	for _, frame := range frames {
		in.bytes += len(frame)
	}
	n.env.AfterFunc(n.latency, func() { e.peer.arrive(class, len(frames)) })
	return false, nil
}

// arrive lets the oldest count frames in transit arrive.
func (e *end) arrive(class rpc.Class, count int) {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	in := &e.inboxes[class]
	if n.partitioned(e.host, e.peer.host) {
		in.stalled += count
		return
	}
	in.arrive(count)
}

func (in *inbox) arrive(count int) {
	count = min(count, len(in.transit)) // none is left of a link that broke
	in.arrived = append(in.arrived, in.transit[:count]...)
	in.transit = in.transit[count:]
	in.reader.Unpark()
}

// resume lets arrive what a partition has stalled. The lock is held.
func (e *end) resume() {
	for class := range e.inboxes {
		in := &e.inboxes[class]
		in.arrive(in.stalled)
		in.stalled = 0
	}
	if e.peer.closing {
		e.hangUp()
	}
}

// Receive implements rpc.Link.
func (e *end) Receive(class rpc.Class) ([]byte, error) {
	in := &e.inboxes[class]
	for {
		frame, err := e.next(class)
		if frame != nil || err != nil {
			return frame, err
		}
		if err := in.reader.Park(context.Background()); err != nil {
			return nil, err
		}
	}
}

// next returns the oldest frame that has arrived, nil if none has.
func (e *end) next(class rpc.Class) ([]byte, error) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	in := &e.inboxes[class]
	switch {
	case e.err != nil && !in.ended:
		return nil, e.err
	case len(in.arrived) > 0:
		frame := in.arrived[0]
		in.arrived = in.arrived[1:]
		in.bytes -= len(frame)
		e.peer.senders[class].Unpark()
		return frame, nil
	case in.ended:
		return nil, io.EOF
	}
	return nil, nil
}

// Close implements rpc.Link. The peer still receives what was sent before.
func (e *end) Close() {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.err != nil {
		return
	}
	e.reset(net.ErrClosed)
	e.closing = true
	n.env.AfterFunc(n.latency, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.partitioned(e.host, e.peer.host) {
			e.peer.hangUp()
		}
	})
}

// hangUp makes known to an end that the other has closed. The lock is held.
func (e *end) hangUp() {
	if e.err != nil {
		e.gone()
		return
	}
	for class := range e.inboxes {
		in := &e.inboxes[class]
		in.arrive(len(in.transit))
		in.ended = true
	}
	e.reset(io.EOF)
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
