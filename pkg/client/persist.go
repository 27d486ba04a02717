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
	// connectPatience is how long a call waits for the first connection to its actor's owner before it goes through
	// another node: not every client reaches every node.
	connectPatience = time.Second
	// backoffMin and backoffMax bound the pause before a call is tried again, which doubles each time and is jittered.
	backoffMin = 5 * time.Millisecond
	backoffMax = 500 * time.Millisecond
)

// persist sends the call until it has an answer that another try can't better, or ctx ends, or the client is closed.
func (c *Client) persist(ctx context.Context, req *api.InvokeRequest) ([]byte, error) {
	id, payload := req.Actor, encodeInvoke(req)
	lost := false // the answer of a try that may have had an effect
	var outage outage
	for attempt := 0; ; attempt++ {
		addr := c.target(ctx, id)
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
		if birth, ok := api.RefusedBirth(err); ok && !lost && c.wait(ctx, c.pause(attempt)) {
			// No try has run: the call may as well be born now.
			c.keys.Relearn(birth, c.env.Monotonic())
			req.Key.Birth = birth
			payload = encodeInvoke(req)
			continue
		}
		// Which is safe: the call has a key.
		if !api.Retryable(err, api.Caller) && !(foreign(err) && c.others(attempt)) {
			return nil, verdict(id, err, lost)
		}
		if api.CodeOf(err) == api.CodeUnknown && !lost {
			lost = true
			req.Flags |= api.InvokeRetry
			payload = req.AppendTo(make([]byte, 0, len(payload)+1)) // what was sent may be in use still
		}
		reached := c.failed(id, addr, err)
		if !reached && req.Flags&api.InvokeRedirect != 0 { // a node may reach what the client can't
			req.Flags &^= api.InvokeRedirect
			payload = encodeInvoke(req)
		}
		if outage.everywhere(c, err) || !c.wait(ctx, max(c.pause(attempt), retryAfter(err))) {
			return nil, verdict(id, err, lost)
		}
	}
}

// foreign reports whether an error says that the address belongs to another cluster now.
func foreign(err error) bool { return api.CodeOf(err) == api.CodeMismatch && rpc.NotSent(err) }

// others reports whether there are addresses that a call has not tried by its attempt.
func (c *Client) others(attempt int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return attempt < len(c.addresses.all)
}

func encodeInvoke(req *api.InvokeRequest) []byte {
	return req.AppendTo(make([]byte, 0, len(req.Body)+invokeHeaderBytes))
}

// outageMax is for how long nodes may be without the store before a client gives its calls up that find no other: a
// restart of a store is over by then.
const outageMax = 5 * time.Second

// outage counts the tries of a call, one after the other, that have met nodes without the store.
type outage struct{ tries int }

// everywhere takes note of a try that has failed, and reports whether no node is left that may reach the store.
func (o *outage) everywhere(c *Client, err error) bool {
	e, _ := errors.AsType[*api.Error](err)
	if e == nil || e.Code != api.CodeUnavailable || storeSilent(e) < outageMax {
		o.tries = 0
		return false
	}
	o.tries++
	c.mu.Lock()
	defer c.mu.Unlock()
	return o.tries >= len(c.addresses.all) // which take turns
}

// storeSilent is for how long the node that answers has not reached the store, 0 if it does.
func storeSilent(e *api.Error) time.Duration {
	millis, err := strconv.ParseInt(e.Detail[api.DetailStoreSilent], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(millis) * time.Millisecond
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
	var outage outage
	for attempt := 0; !c.keys.Fresh(c.env.Monotonic(), birthAgeMax); attempt++ {
		c.mu.Lock()
		addr, nodes := c.addresses.inTurn(c.env.Monotonic())[0], len(c.addresses.all) // whose turn it stays
		c.mu.Unlock()
		err := c.askBirth(ctx, addr)
		if err == nil {
			return nil
		}
		hopeless := !api.Retryable(err, api.Caller) && api.CodeOf(err) != api.CodeDeadlineExceeded && attempt >= nodes-1
		if hopeless || outage.everywhere(c, err) || !c.wait(ctx, c.pause(attempt)) {
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
		c.addresses.failed(addr, c.env.Monotonic(), rpc.NotSent(err))
		return err
	}
	c.addresses.worked(addr)
	c.keys.Learn(reply.Version, c.env.Monotonic())
	return nil
}

// neverSent is the error of a call before which the question for a birth has failed: the call itself has certainly
// not run.
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
	return api.Errorf(api.CodeUnknown, "%s may have run the call: its answer was lost, and then: %w", id, err)
}

// notRun reports whether a try that failed so has certainly not run.
func notRun(err error) bool { return api.CodeOf(err).Effect() == api.NeverRan || rpc.NotSent(err) }

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

// target returns where to send a call of an actor: to its owner, if that is known and can be reached, as far as is
// known. It blocks for connectPatience at most, while there is no connection to it.
func (c *Client) target(ctx context.Context, id api.ActorID) string {
	c.mu.Lock()
	addr, known := c.owners.Get(id)
	now := c.env.Monotonic()
	if !known || c.addresses.unreachable(addr, now) {
		defer c.mu.Unlock()
		return c.addresses.choose(now)
	}
	c.mu.Unlock()
	if c.pool.Connected(addr) {
		return addr
	}
	patient, cancel := env.WithTimeout(c.env, ctx, connectPatience)
	defer cancel()
	_, err := c.pool.Peer(patient, addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		return addr
	}
	if ctx.Err() == nil {
		c.addresses.failed(addr, c.env.Monotonic(), true)
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
// believed. reached is false if the client can't reach a node that has the actor.
func (c *Client) failed(id api.ActorID, addr string, err error) (reached bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if retryAfter(err) > 0 {
		return true // it is there, and wants to be asked again
	}
	c.owners.Remove(id, addr)
	if e, ok := errors.AsType[*api.Error](err); ok && !rpc.NotSent(err) {
		owner := e.Detail[api.DetailOwnerAddress]
		// A node that can't reach the owner says where that is: the client may reach it.
		if (e.Code == api.CodeMoved || e.Code == api.CodeUnavailable) && owner != "" && owner != addr {
			c.owners.Put(id, owner)
			return e.Code == api.CodeMoved || !c.addresses.unreachable(owner, c.env.Monotonic())
		}
		if e.Code == api.CodeMoved {
			return true
		}
	}
	unsent := rpc.NotSent(err)
	c.addresses.failed(addr, c.env.Monotonic(), unsent)
	return !unsent
}
