// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"context"
)

// Context is what a handler has at hand during one call. It must not be kept after the handler returns.
// As a context.Context it ends at the call's deadline and when the caller gives up.
type Context struct {
	context.Context
	self  ID
	space Space
}

// NewContext is for the node that runs the handler.
func NewContext(ctx context.Context, self ID, space Space) *Context {
	return &Context{Context: ctx, self: self, space: space}
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
		return err
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
