// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/time/rate"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// writeTimeout is how long the peer's kernel may take nothing before the link is broken.
	writeTimeout = 15 * time.Second
	// windowBytes is how much may be on its way in a stream, and so what a peer
	// can make us hold per stream before anybody reads it. It is the least that yamux allows.
	windowBytes = 256 << 10
	// frameTimeout is how long a frame that has begun may take to arrive, and frameBytesPerSecond how much longer a
	// long one: what has come of it takes memory.
	frameTimeout        = 10 * time.Second
	frameBytesPerSecond = 512 << 10
	// wasteBytesPerSecond is how fast a listener passes over frames for which there is no room, and receives requests
	// that it cannot serve, of all its links together; wasteAtOnce in what portions.
	wasteBytesPerSecond = 64 << 20
	wasteAtOnce         = 64 << 10
	// unreadTimeout is how long the peer may read nothing of what it was sent in a class.
	unreadTimeout = 30 * time.Second
	// acceptPause is waited before accepting again when the process has no
	// descriptors left: connections that end give some back.
	acceptPause = 10 * time.Millisecond
)

// New returns the transport.
func New() rpc.Transport { return transport{} }

type transport struct{}

// Dial implements rpc.Transport.
func (transport) Dial(ctx context.Context, addr string) (rpc.Link, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	wire := newCoalescer(conn)
	session, err := yamux.Client(wire, sessionConfig())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l := newLink(session, wire, nil)
	if err := l.openStreams(); err != nil {
		l.Close()
		return nil, fmt.Errorf("open streams to %s: %w", addr, err)
	}
	return l, nil
}

// Listen implements rpc.Transport.
func (transport) Listen(addr string) (rpc.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return listener{l, rate.NewLimiter(wasteBytesPerSecond, wasteAtOnce)}, nil
}

type listener struct {
	net.Listener
	waste *rate.Limiter
}

// Addr implements rpc.Listener.
func (l listener) Addr() string { return l.Listener.Addr().String() }

// Accept implements rpc.Listener.
func (l listener) Accept() (rpc.Link, error) {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			time.Sleep(acceptPause)
			return nil, fmt.Errorf("%w%s: %w", rpc.ErrNoDescriptors, descriptors(), err)
		case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			time.Sleep(acceptPause)
			return nil, fmt.Errorf("%w, or the kernel has no memory: %w", rpc.ErrNoDescriptors, err)
		case cameToNothing(err):
			continue
		case err != nil:
			return nil, err
		}
		wire := newCoalescer(conn)
		session, err := yamux.Server(wire, sessionConfig())
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		link := newLink(session, wire, l.waste)
		go link.acceptStreams()
		// Of many that come at once, the next is taken once those before have had their turn, and so have all calls.
		runtime.Gosched()
		return link, nil
	}
}

// cameToNothing reports whether an error of accept is that of the connection, which has broken before it was accepted
// or which the firewall refuses. Linux reports what has happened to it, see accept(2).
func cameToNothing(err error) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EPROTO,
		syscall.ENOPROTOOPT, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
		syscall.ETIMEDOUT, syscall.EPERM}, number)
}

func sessionConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.AcceptBacklog = rpc.Classes
	c.EnableKeepAlive = false // the call layer's pings prove more: that the peer's tasks run
	c.ConnectionWriteTimeout = writeTimeout
	c.MaxStreamWindowSize = windowBytes
	c.StreamOpenTimeout = 0  // the hello has a timeout
	c.StreamCloseTimeout = 0 // streams end with their session
	c.LogOutput = io.Discard // what it says is in the errors
	return c
}
