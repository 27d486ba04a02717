// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"strconv"
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
func (c *Client) persist(ctx context.Context, id api.ActorID, req *api.InvokeRequest) ([]byte, error) {
	lost := false // the answer of a try that may have had an effect
	payload := req.AppendTo(make([]byte, 0, len(req.Body)+invokeHeaderBytes))
	for attempt := 0; ; attempt++ {
		addr := c.target(id)
		out, err := c.pool.Call(ctx, addr, rpc.ClassCall, api.MethodInvoke, payload)
		if err == nil {
			reply, err := api.DecodeInvokeReply(out)
			if err != nil {
				return nil, err
			}
			c.keys.Learn(reply.Version, c.env.Monotonic())
			c.answered(id, addr, reply.OwnerAddress)
			return reply.Body, nil
		}
		if !mendable(err) {
			return nil, verdict(id, err, lost)
		}
		if api.CodeOf(err) == api.CodeUnknown && !lost {
			lost = true
			req.Flags |= api.InvokeRetry
			payload = req.AppendTo(make([]byte, 0, len(payload)+1)) // what was sent may be in use still
		}
		c.failed(id, addr, err)
		if !c.wait(ctx, max(c.pause(attempt), retryAfter(err))) {
			return nil, verdict(id, err, lost)
		}
	}
}

// mendable reports whether another try of a call that failed so may do better. It is safe: the call has a key.
func mendable(err error) bool {
	e, _ := errors.AsType[*api.Error](err)
	switch api.CodeOf(err) {
	case api.CodeUnavailable, api.CodeMoved, api.CodeFenced, api.CodeOverloaded:
		return true
	case api.CodeUnknown:
		return e == nil || e.Detail[api.DetailFinal] == ""
	}
	return false
}

// retryAfter is how long an actor or a node asks to be left alone, at most backoffMax.
func retryAfter(err error) time.Duration {
	e, _ := errors.AsType[*api.Error](err)
	if e == nil {
		return 0
	}
	millis, err := strconv.Atoi(e.Detail[api.DetailRetryAfter])
	switch {
	case err == nil && millis >= 0:
		return min(time.Duration(millis)*time.Millisecond, backoffMax)
	case e.Code == api.CodeOverloaded:
		return backoffMin
	}
	return 0
}

const (
	// birthAgeMax is how long a version of the store serves the birth of calls: much less than actors keep records.
	birthAgeMax = 30 * time.Second
	// birthTimeout is how long one node may take to say a version. It needs no store for that.
	birthTimeout = time.Second
)

// learnBirth asks for a version of the store, from which calls can be born, unless a reply has brought one lately.
func (c *Client) learnBirth(ctx context.Context) error {
	for attempt := 0; !c.keys.Fresh(c.env.Monotonic(), birthAgeMax); attempt++ {
		c.mu.Lock()
		addr, nodes := c.addresses.inTurn(c.env.Monotonic())[0], len(c.addresses.all) // whose turn it stays
		c.mu.Unlock()
		err := c.askBirth(ctx, addr)
		if err == nil {
			return nil
		}
		hopeless := !mendable(err) && api.CodeOf(err) != api.CodeDeadlineExceeded && attempt >= nodes-1
		if hopeless || !c.wait(ctx, c.pause(attempt)) {
			return neverSent(err)
		}
	}
	return nil
}

func (c *Client) askBirth(ctx context.Context, addr string) error {
	ctx, cancel := env.WithTimeout(c.env, ctx, birthTimeout)
	defer cancel()
	reply, err := rpc.CallTyped[api.Empty, api.BirthReply](ctx, c.pool, addr, api.MethodBirth, &api.Empty{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.addresses.failed(addr, c.env.Monotonic())
		return err
	}
	c.addresses.worked(addr)
	c.keys.Learn(reply.Version, c.env.Monotonic())
	return nil
}

// neverSent is the error of a call before which the question for a birth has failed: the call itself has certainly not run.
func neverSent(err error) error {
	if code := api.CodeOf(err); code == api.CodeUnknown || code == api.CodeDeadlineExceeded {
		return api.Errorf(api.CodeUnavailable, "no node answers: %w", err)
	}
	return err
}

// verdict is the error of a call whose last try failed with err. That it has not run is true of that try only: with an
// answer lost before, nobody knows.
func verdict(id api.ActorID, err error, lost bool) error {
	switch code := api.CodeOf(err); {
	case !notRun(err):
		return err
	case !lost && (code == api.CodeMoved || code == api.CodeFenced): // which say where to go next: nowhere
		return api.Errorf(api.CodeUnavailable, "%s could not be reached in time: %w", id, err)
	case !lost:
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
	if retryAfter(err) > 0 {
		return // it is there, and wants to be asked again
	}
	c.owners.Remove(id, addr)
	if moved, ok := errors.AsType[*api.Error](err); ok && moved.Code == api.CodeMoved {
		if owner := moved.Detail[api.DetailOwnerAddress]; owner != "" && owner != addr {
			c.owners.Put(id, owner)
		}
		return
	}
	c.addresses.failed(addr, c.env.Monotonic())
}
