// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Context is what a handler has at hand during one call. It must not be kept after the handler returns.
// As a context.Context it ends at the call's deadline and when the caller gives up.
type Context struct {
	context.Context
	self  ID
	space Space
	turn  Turn
	rand  *env.Rand
}

// Turn is what the handler of one call has beside its actor's space. It is the same each time that the handler runs
// for that call.
type Turn struct {
	// Time is what Context.Now returns.
	Time time.Time
	// Seed determines what Context.Rand gives; nil is the same for all.
	Seed func() [16]byte
	// Ask calls a method of another actor with an encoded request, and returns the encoded reply.
	Ask func(id ID, method string, request []byte) ([]byte, error)
	// Agenda takes alarms and sends; nil refuses them.
	Agenda Agenda
}

// NewContext is for the node that runs the handler.
func NewContext(ctx context.Context, self ID, space Space) *Context {
	return &Context{Context: ctx, self: self, space: space}
}

// WithTurn is for the node that runs the handler, and for tests of handlers. It changes c and returns it.
func (c *Context) WithTurn(t Turn) *Context {
	c.turn = t
	return c
}

// Now returns when the caller made the call, by the caller's clock; in what an alarm runs, the time for which that
// was set. It does not advance while the handler runs, and is the same when the handler runs again for the same call:
// decide by it, not by a clock.
func (c *Context) Now() time.Time { return c.turn.Time }

// Rand returns random numbers that belong to the call: when the handler runs again for it, they come again, in the same
// order.
func (c *Context) Rand() *env.Rand {
	if c.rand == nil {
		var seed [16]byte
		if c.turn.Seed != nil {
			seed = c.turn.Seed()
		}
		c.rand = env.NewRand(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:]))
	}
	return c.rand
}

// Call calls a method of another actor from within a handler, and waits for its reply; the actor handles nothing else
// meanwhile. The request is encoded and the reply decoded as a client does.
//
// The other actor's effect is its own: it stays when the handler then fails. But it happens once, however often the
// handler runs for its call, as the call has a key that follows from the handler's. So a handler that runs again
// should ask the same in the same order: it takes time and chance from the Context, and decides by replies. Where its
// own state has a say, remember that another call may have changed it in between.
//
// Errors are those of client.Call, and CodeDeadlock if the other actor waits, over others or by itself, for this
// handler. The deadline is the handler's own.
func Call[Resp any](ctx *Context, id ID, method string, request any) (Resp, error) {
	var none Resp
	body, err := encodeRequest(request)
	if err != nil {
		return none, err
	}
	if ctx.turn.Ask == nil {
		return none, api.Errorf(api.CodeFailedPrecondition, "%s can't be called from here: only handlers of calls "+
			"may call other actors", id)
	}
	out, err := ctx.turn.Ask(id, method, body)
	if err != nil {
		return none, err
	}
	return decodeReply[Resp](id, method, out)
}

// Self returns the actor's id.
func (c *Context) Self() ID { return c.self }

// Space is an actor's own ordered key-value space, beside its state struct: for what is too
// much to keep in memory whole. Changes are committed together with the state, and undone together.
type Space interface {
	// Get returns the encoded value of key, nil if there is none.
	Get(key string) ([]byte, error)
	// Set gives key an encoded value.
	Set(key string, value []byte) error
	// Delete removes key, if it is there.
	Delete(key string) error
	// Range returns up to limit pairs with begin <= key < end, in order of key; end "" is the
	// end of the space.
	Range(begin, end string, limit int) ([]Pair, error)
}

// Pair is a key of the space with its encoded value.
type Pair struct {
	Key   string
	Value []byte
}

// Get decodes the value of key in the actor's key-value space into the value that v points to, and
// reports whether there is one. It may read the store.
func (c *Context) Get(key string, v any) (bool, error) {
	b, err := c.space.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	return true, Unmarshal(b, v)
}

// Set gives key a value of up to 100,000 bytes encoded. A key has up to 1,024 bytes.
func (c *Context) Set(key string, v any) error {
	b, err := Marshal(v)
	if err != nil {
		return api.Errorf(api.CodeInternal, "actor %s: the value of key %q does not encode: %w", c.self, key, err)
	}
	return c.space.Set(key, b)
}

// Delete removes key from the actor's key-value space.
func (c *Context) Delete(key string) error { return c.space.Delete(key) }

// List returns up to limit pairs of the actor's key-value space whose keys begin with prefix, in order. Pair.Decode
// decodes their values. It may read the store.
func (c *Context) List(prefix string, limit int) ([]Pair, error) {
	return c.space.Range(prefix, prefixEnd(prefix), limit)
}

// Range returns up to limit pairs with begin <= key < end, in order; end "" is the end of the space.
func (c *Context) Range(begin, end string, limit int) ([]Pair, error) {
	return c.space.Range(begin, end, limit)
}

// Decode decodes the value into the value that v points to.
func (p Pair) Decode(v any) error { return Unmarshal(p.Value, v) }

// prefixEnd returns the first key that is greater than all with the prefix, "" for none.
func prefixEnd(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}
