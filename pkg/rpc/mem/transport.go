// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// transport is a host's way into the network.
type transport struct {
	network *Network
	env     env.Env
	host    *host
}

// Dial implements rpc.Transport.
func (t *transport) Dial(ctx context.Context, addr string) (rpc.Link, error) {
	link, err := t.dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return link, nil
}

func (t *transport) dial(ctx context.Context, addr string) (*end, error) {
	for {
		if err := t.travel(ctx, addr); err != nil {
			return nil, err
		}
		link, unblocked, err := t.connect(addr)
		if unblocked == nil {
			return link, err
		}
		if err := t.network.await(ctx, unblocked); err != nil {
			return nil, err
		}
	}
}

// travel lets the time pass that it takes to get to another host.
func (t *transport) travel(ctx context.Context, addr string) error {
	n := t.network
	n.mu.Lock()
	delay := n.delay(t.host.name, n.hostAt(addr))
	n.mu.Unlock()
	p := t.env.NewParker()
	timer := n.env.AfterFunc(delay, p.Unpark)
	defer timer.Stop()
	return p.Park(ctx)
}

// connect makes a link, unless a block is in the way: then unblocked is woken at the end of one.
func (t *transport) connect(addr string) (link *end, unblocked env.Parker, err error) {
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock()
	from, to := t.host.name, n.hostAt(addr)
	switch {
	case t.host.down:
		return nil, nil, errHostDown
	case n.separated(from, to):
		unblocked = t.env.NewParker()
		n.dialling = append(n.dialling, unblocked)
		return nil, unblocked, nil
	}
	if err := n.refusal(from, to); err != nil {
		return nil, nil, err
	}
	l := n.listeners[addr]
	if l == nil {
		return nil, nil, errRefused
	}
	near, far := n.link(t, l)
	l.pending = append(l.pending, far)
	l.accept.Unpark()
	return near, nil, nil
}

// await waits until something is unblocked.
func (n *Network) await(ctx context.Context, unblocked env.Parker) error {
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.dialling = slices.DeleteFunc(n.dialling, func(p env.Parker) bool { return p == unblocked })
	}()
	return unblocked.Park(ctx)
}

// Listen implements rpc.Transport.
func (t *transport) Listen(addr string) (rpc.Listener, error) {
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.host.down {
		return nil, fmt.Errorf("listen at %s: %w", addr, errHostDown)
	}
	addr, err := n.resolve(addr)
	if err != nil {
		return nil, err
	}
	l := &listener{transport: t, host: t.host, addr: addr, accept: t.env.NewParker()}
	n.listeners[addr] = l
	return l, nil
}

// listener implements rpc.Listener. It is guarded by the network's lock.
type listener struct {
	*transport
	host    *host
	addr    string
	accept  env.Parker
	pending []*end
	closed  bool
}

// Accept implements rpc.Listener.
func (l *listener) Accept() (rpc.Link, error) {
	for {
		l.network.mu.Lock()
		closed := l.closed
		var next *end
		if !closed && len(l.pending) > 0 {
			next = l.pending[0]
			l.pending = l.pending[1:]
		}
		l.network.mu.Unlock()
		switch {
		case closed:
			return nil, net.ErrClosed
		case next != nil:
			return next, nil
		}
		if err := l.accept.Park(context.Background()); err != nil {
			return nil, err
		}
	}
}

// Addr implements rpc.Listener.
func (l *listener) Addr() string { return l.addr }

// Close implements rpc.Listener.
func (l *listener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	l.close()
	return nil
}

// close refuses those who have not been accepted. The lock is held.
func (l *listener) close() {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.network.listeners, l.addr)
	for _, e := range l.pending {
		e.crash()
	}
	l.pending = nil
	l.accept.Unpark()
}
