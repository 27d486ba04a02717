// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import (
	"context"
	"fmt"
	"net"

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
	n := t.network
	for {
		if err := t.travel(ctx); err != nil {
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
		link, healed, err := t.connect(addr)
		if healed == nil {
			return link, err
		}
		if err := healed.Park(ctx); err != nil {
			n.stopWaiting(healed)
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
	}
}

// travel lets the time pass that it takes to get to another host.
func (t *transport) travel(ctx context.Context) error {
	n := t.network
	n.mu.Lock()
	latency := n.latency
	n.mu.Unlock()
	p := t.env.NewParker()
	timer := n.env.AfterFunc(latency, p.Unpark)
	defer timer.Stop()
	return p.Park(ctx)
}

// connect makes a link, unless a partition is in the way: then healed is woken at the end of one.
func (t *transport) connect(addr string) (link rpc.Link, healed env.Parker, err error) {
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[addr]
	switch {
	case t.host.down:
		return nil, nil, fmt.Errorf("dial %s: %w", addr, errHostDown)
	case l == nil:
		return nil, nil, fmt.Errorf("dial %s: %w", addr, errRefused)
	case n.partitioned(t.host, l.host):
		healed = t.env.NewParker()
		n.healed = append(n.healed, healed)
		return nil, healed, nil
	}
	near, far := n.link(t, l)
	l.pending = append(l.pending, far)
	l.accept.Unpark()
	return near, nil, nil
}

func (n *Network) stopWaiting(p env.Parker) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, waiting := range n.healed {
		if waiting == p {
			n.healed = append(n.healed[:i:i], n.healed[i+1:]...)
			return
		}
	}
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
		e.reset(errReset)
		e.peer.reset(errReset)
	}
	l.pending = nil
	l.accept.Unpark()
}
