// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"context"
	"encoding/binary"
	"log/slog"
	"time"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Context is what a handler has at hand during one call. It must not be kept after the handler returns.
// As a context.Context it ends at the call's deadline and when the caller gives up.
type Context struct {
	context.Context
	turn kind.Turn
	rand *env.Rand
	log  *slog.Logger
}

func newContext(t kind.Turn) *Context { return &Context{Context: t.Context, turn: t} }

// Log returns a logger whose lines go to the log of the node. Each names the actor, the method and the call: the id is
// the same when the handler runs again for the same call, and then its lines come again. In a hook there is no call,
// and the method is the name of the hook.
func (c *Context) Log() *slog.Logger {
	switch {
	case c.log != nil:
	case c.turn.Logger == nil:
		c.log = slog.New(slog.DiscardHandler)
	default:
		c.log = c.turn.Logger()
	}
	return c.log
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
	if ctx.turn.Call == nil {
		return none, api.Errorf(api.CodeFailedPrecondition, "%s can't be called from here: only handlers of calls "+
			"may call other actors", id)
	}
	out, err := ctx.turn.Call(id, method, body)
	if err != nil {
		return none, err
	}
	return decodeReply[Resp](id, method, out)
}

// Self returns the actor's id.
func (c *Context) Self() ID { return c.turn.Actor }

// Pair is a key of an actor's key-value space with its encoded value.
type Pair struct {
	Key   string
	Value []byte
}

// kv returns the actor's key-value space.
func (c *Context) kv() (kind.KV, error) {
	if c.turn.KV == nil {
		return nil, api.Errorf(api.CodeFailedPrecondition, "actor %s has no key-value space here", c.turn.Actor)
	}
	return c.turn.KV, nil
}

// Get decodes the value of key in the actor's key-value space into the value that v points to, and
// reports whether there is one. It may read the store.
func (c *Context) Get(key string, v any) (bool, error) {
	kv, err := c.kv()
	if err != nil {
		return false, err
	}
	b, err := kv.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	return true, codec.Unmarshal(b, v)
}

// Set gives key a value of up to 100,000 bytes encoded. A key has up to 1,024 bytes.
func (c *Context) Set(key string, v any) error {
	b, err := codec.Marshal(v)
	if err != nil {
		return api.Errorf(api.CodeInternal, "actor %s: the value of key %q does not encode: %w", c.turn.Actor, key, err)
	}
	kv, err := c.kv()
	if err != nil {
		return err
	}
	return kv.Set(key, b)
}

// Delete removes key from the actor's key-value space.
func (c *Context) Delete(key string) error {
	kv, err := c.kv()
	if err != nil {
		return err
	}
	return kv.Delete(key)
}

// List returns up to limit pairs of the actor's key-value space whose keys begin with prefix, in order. Pair.Decode
// decodes their values. It may read the store.
func (c *Context) List(prefix string, limit int) ([]Pair, error) {
	return c.Range(prefix, prefixEnd(prefix), limit)
}

// Range returns up to limit pairs with begin <= key < end, in order; end "" is the end of the space.
func (c *Context) Range(begin, end string, limit int) ([]Pair, error) {
	kv, err := c.kv()
	if err != nil {
		return nil, err
	}
	found, err := kv.Range(begin, end, limit)
	if err != nil || found == nil {
		return nil, err
	}
	out := make([]Pair, len(found))
	for i, p := range found {
		out[i] = Pair(p)
	}
	return out, nil
}

// Decode decodes the value into the value that v points to.
func (p Pair) Decode(v any) error { return codec.Unmarshal(p.Value, v) }

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
