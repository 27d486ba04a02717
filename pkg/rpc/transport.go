// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"net"
	"strconv"
)

// Class is the kind of traffic that a call belongs to. Calls of one class share
// a stream; a class never waits behind another.
type Class uint8

const (
	// ClassControl is for what must not wait behind data: handshakes, heartbeats, pings.
	ClassControl Class = iota
	// ClassCall is for calls of actors and of the store.
	ClassCall
	// ClassBulk is for large payloads.
	ClassBulk

	// Classes is the number of classes.
	Classes = 3
)

var classNames = [Classes]string{"control", "call", "bulk"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "class " + strconv.Itoa(int(c))
}

// Transport makes links to other processes. It is what a simulated network replaces.
// It is safe for concurrent use.
type Transport interface {
	// Dial connects to addr, HOST:PORT. It blocks until connected, failed, or ctx ends.
	Dial(ctx context.Context, addr string) (Link, error)
	// Listen accepts links at addr. It does not block.
	Listen(addr string) (Listener, error)
}

// Listener accepts links.
type Listener interface {
	// Accept blocks until a process has connected, the listener is closed (net.ErrClosed),
	// or it fails. A connection that comes to nothing is not an error. After ErrNoDescriptors, which comes after a
	// pause, it may be called again.
	Accept() (Link, error)
	// Addr is the address listened at, with the port that was chosen for port 0.
	Addr() string
	// Close stops listening. Links already accepted live on.
	Close() error
}

// Link carries frames between two processes, reliably and in order within a class,
// until it breaks. It knows nothing of what is in a frame but its length.
//
// Send and Receive may each be called by one task at a time per class.
type Link interface {
	// Gather is called by a task that is about to take what is queued for a Send. It may let other tasks run
	// first, which then queue more: one large Send costs much less than many small ones.
	Gather()
	// Send hands over frames: the concatenation of parts is a sequence of whole frames, each
	// with its length before it, as SplitFrame reads them. It blocks while the peer does not keep up.
	// Once it returns, parts belong to the caller again. An error says that the link is
	// broken; nobody knows how much has arrived.
	Send(class Class, parts [][]byte) error
	// Receive blocks until a frame has arrived and returns it, without its length. It
	// belongs to the caller, and holds on to no memory but its own. An error says that
	// the link is broken or closed, or that the peer sent what is no frame.
	Receive(class Class) ([]byte, error)
	// Charge makes frames count on an account from when they begin to arrive until Receive returns them. Without room
	// for one Receive returns a *NoRoomError. It is called before Receive, if at all.
	Charge(account *Account)
	// Waste says that n bytes which have arrived were of no use. The link may take its time with the next frame.
	Waste(n int)
	// Greeted says that the peer's hello was good: until then the link breaks when a frame exceeds HelloBytesMax, and
	// when another class than ClassControl is used.
	Greeted()
	// Close breaks the link, for both sides. It does not block; Send and Receive return with errors.
	Close()
	// RemoteAddr is the address of the peer, for people.
	RemoteAddr() string
}

// ErrNoDescriptors says that a connection could not be accepted as the process has no descriptors left.
var ErrNoDescriptors = errors.New("no file descriptors are left")

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
