// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// backoffMin and backoffMax bound the pause before a call is tried again, which doubles each time and is jittered.
	backoffMin = 5 * time.Millisecond
	backoffMax = 500 * time.Millisecond
)

// persist sends the call until it has an answer that another try can't better, or ctx ends, or the client is closed.
func (c *Client) persist(ctx context.Context, id api.ActorID, payload []byte, o options) ([]byte, error) {
	lost := false // the answer of a try that may have had an effect
	for attempt := 0; ; attempt++ {
		addr := c.target(id)
		out, err := c.pool.Call(ctx, addr, rpc.ClassCall, api.MethodInvoke, payload)
		if err == nil {
			reply, err := api.DecodeInvokeReply(out)
			if err != nil {
				return nil, err
			}
			c.answered(id, addr, reply.OwnerAddress)
			return reply.Body, nil
		}
		if !safe(err, o) {
			return nil, verdict(id, err, lost)
		}
		lost = lost || !o.readOnly && api.CodeOf(err) == api.CodeUnknown
		c.failed(id, addr, err)
		if !c.wait(ctx, c.pause(attempt)) {
			return nil, verdict(id, err, lost)
		}
	}
}

// safe reports whether a call that failed so may be sent again.
func safe(err error, o options) bool {
	switch api.CodeOf(err) {
	case api.CodeUnavailable, api.CodeMoved, api.CodeFenced:
		return true
	case api.CodeUnknown:
		return o.readOnly || o.key != ""
	}
	return false
}

// verdict is the error of a call whose last try failed with err. That it has not run is true of that try only: with an
// answer lost before, nobody knows.
func verdict(id api.ActorID, err error, lost bool) error {
	if !lost || !notRun(err) {
		return err
	}
	return api.Errorf(api.CodeUnknown, "%s may have run the call: an answer was lost, and then: %w", id, err)
}

// notRun reports whether a try that failed so has certainly not run.
func notRun(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeUnavailable, api.CodeMoved, api.CodeFenced, api.CodeOverloaded, api.CodeNoCapacity, api.CodeUnknownNamespace:
		return true
	}
	return rpc.NotSent(err)
}

// pause grows with the attempts; the first two are for other addresses and wrong guesses.
func (c *Client) pause(attempt int) time.Duration {
	if attempt < 2 {
		return 0
	}
	return c.random.Jitter(min(backoffMin<<min(attempt-2, 10), backoffMax))
}

// wait lets a pause pass, and reports whether the call may then go on.
func (c *Client) wait(ctx context.Context, pause time.Duration) bool {
	if pause > 0 {
		paused, cancel := env.WithTimeout(c.env, ctx, pause)
		defer cancel()
		if c.closed.Wait(paused) == nil {
			return false
		}
	}
	return ctx.Err() == nil && !c.closed.IsSet()
}

// target returns where to send a call of an actor: to its owner, if that is known.
func (c *Client) target(id api.ActorID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if addr, ok := c.owners.Get(id); ok {
		return addr
	}
	return c.addresses.choose(c.env.Monotonic())
}

// answered remembers the actor's owner, the node at addr unless it named another one.
func (c *Client) answered(id api.ActorID, addr, owner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses.worked(addr)
	if owner == "" {
		owner = addr
	}
	c.owners.Put(id, owner)
}

// failed forgets that the actor is at addr, and passes addr over for a while. A node that says who the owner is, is
// believed.
func (c *Client) failed(id api.ActorID, addr string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners.Remove(id, addr)
	if moved, ok := errors.AsType[*api.Error](err); ok && moved.Code == api.CodeMoved {
		if owner := moved.Detail[api.DetailOwnerAddress]; owner != "" && owner != addr {
			c.owners.Put(id, owner)
		}
		return
	}
	c.addresses.failed(addr, c.env.Monotonic())
}
