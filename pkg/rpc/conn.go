// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kelpiehq/kelpie/pkg/env"
)

var (
	errSilent  = errors.New("the peer has been silent for too long")
	errFlooded = errors.New("the peer sends pings but does not read the answers")
	errKind    = errors.New("frame of an unexpected kind")
)

// conn is what the two ends of a connection have in common, once the hello is over: a
// reading and a writing task per class, and the watch over a silent peer. The first fault
// breaks it for good.
type conn struct {
	env  env.Env
	link Link
	end  end
	// account is what the connection holds of the budget; nil at the calling end.
	account *Account
	// heard says that something has come since the last tick.
	heard atomic.Bool

	mu        sync.Mutex
	err       error // why it is broken; nil while it is not
	lanes     [Classes]lane
	keepalive env.Timer
	silent    int // ticks since something came
}

// end is one end of a connection: the calling or the serving one.
type end interface {
	// handle takes a frame, on the reading task of its class. An error breaks the connection.
	handle(class Class, f frame) error
	// refuse takes the beginning of a frame for which there was no room, like handle.
	refuse(class Class, head []byte) error
	// room waits, on the reading task, until the next frame may be read.
	room(class Class)
	// lost is called once, when the connection is broken.
	lost(err error)
}

func (c *conn) init(e env.Env, link Link, end end) {
	c.env, c.link, c.end = e, link, end
	for i := range c.lanes {
		c.lanes[i].writer = e.NewParker()
		c.lanes[i].reader = e.NewParker()
	}
}

// run starts the tasks that read.
func (c *conn) run() {
	c.mu.Lock()
	if c.err == nil {
		c.keepalive = c.env.AfterFunc(keepaliveInterval, c.tick)
	}
	c.mu.Unlock()
	for class := range Class(Classes) {
		c.env.Go("rpc read "+class.String(), func() { c.read(class) })
	}
}

func (c *conn) read(class Class) {
	for {
		c.end.room(class)
		b, err := c.link.Receive(class)
		refused, noRoom := errors.AsType[*NoRoomError](err)
		if err != nil && !noRoom {
			c.fail(err)
			return
		}
		if !c.heard.Load() {
			c.heard.Store(true)
		}
		if noRoom {
			err = c.end.refuse(class, refused.Head)
		} else {
			err = c.receive(class, b)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

func (c *conn) receive(class Class, b []byte) error {
	f, err := parseFrame(b)
	if err != nil {
		return err
	}
	switch f.kind {
	case kindPing:
		return c.pong()
	case kindPong:
		return nil
	}
	if later(f.kind) {
		return nil
	}
	return c.end.handle(class, f)
}

func (c *conn) pong() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lanes[ClassControl].bytes > spareBytesMax {
		return errFlooded
	}
	c.pushBare(kindPong)
	return nil
}

// pushBare queues a frame of the connection itself. The lock is held.
func (c *conn) pushBare(kind frameKind) {
	var scratch [32]byte
	c.lanes[ClassControl].push(appendBare(scratch[:0], kind, 0), nil)
	c.sendQueued(ClassControl)
}

// sendQueued has what is queued in a class sent. The first frame starts the task for that: many connections never use
// most classes. The lock is held.
func (c *conn) sendQueued(class Class) {
	l := &c.lanes[class]
	if l.writing {
		unpark(l.wakeWriter())
		return
	}
	l.writing = true
	c.env.Go("rpc write "+class.String(), func() { c.write(class) })
}

func (c *conn) write(class Class) {
	l := &c.lanes[class]
	for {
		parts, left, charged := c.take(l)
		var err error
		if parts != nil {
			err = c.link.Send(class, parts)
			clear(parts) // hold on to no payload while idle
		}
		c.account.Give(charged)
		for _, f := range left {
			f()
		}
		switch {
		case parts == nil:
			return
		case err != nil:
			c.fail(err) // and take what is to be called nevertheless
		}
	}
}

// take waits until something is queued in l and returns it, or nil once the connection is broken, and what is to be
// called and given back when it has left.
func (c *conn) take(l *lane) (parts [][]byte, left []func(), charged int) {
	for {
		c.mu.Lock()
		if c.err != nil {
			left, charged := l.takeLeft(), l.takeCharged()
			c.mu.Unlock()
			return nil, left, charged
		}
		if l.bytes > 0 {
			parts, left, charged, reader := l.take(), l.takeLeft(), l.takeCharged(), l.wakeReader()
			c.mu.Unlock()
			unpark(reader)
			return parts, left, charged
		}
		l.writerIdle = true
		c.mu.Unlock()
		park(l.writer)
		c.link.Gather()
	}
}

// park parks until there is a permit.
func park(p env.Parker) {
	if err := p.Park(context.Background()); err != nil {
		panic("rpc: a context that never ends has ended: " + err.Error())
	}
}

// tick pings a silent peer and breaks the connection to a dead one.
func (c *conn) tick() {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	if c.heard.Swap(false) {
		c.silent = 0
	} else {
		c.silent++
		c.pushBare(kindPing)
	}
	dead := c.silent > silentIntervalsMax
	c.keepalive = c.env.AfterFunc(keepaliveInterval, c.tick)
	c.mu.Unlock()
	if dead {
		c.fail(errSilent)
	}
}

// fail breaks the connection; only the first reason counts. Nothing is taken from a lane afterwards, so what
// was not taken by then has certainly not been sent.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.keepalive != nil {
		c.keepalive.Stop()
	}
	for i := range c.lanes {
		unpark(c.lanes[i].wakeWriter())
		unpark(c.lanes[i].wakeReader())
	}
	c.mu.Unlock()
	c.link.Close()
	c.end.lost(err)
}
