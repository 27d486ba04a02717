// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// DefaultTimeout bounds a call whose context has no deadline.
	DefaultTimeout = 30 * time.Second
	// backoffMin and backoffMax bound the pause before a call is tried again, which doubles each time and is jittered.
	backoffMin = 5 * time.Millisecond
	backoffMax = 500 * time.Millisecond
	// ownersMax is how many actors' places a client remembers.
	ownersMax = 10_000
)

// Config is what a client needs to know.
type Config struct {
	// Addrs are addresses of nodes, HOST:PORT. At least one is required; each is tried when those before fail.
	Addrs []string
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
}

// Client calls actors.
type Client struct {
	env    env.Env
	pool   *rpc.Pool
	random *env.Rand

	mu     sync.Mutex
	addrs  []string // the first is the one that last answered
	owners map[api.ActorID]string
}

// New returns a client. It connects when first needed. Errors are CodeInvalidArgument.
func New(e env.Env, t rpc.Transport, c Config) (*Client, error) {
	if len(c.Addrs) == 0 {
		return nil, api.Errorf(api.CodeInvalidArgument, "client: at least one address of a node is required")
	}
	return &Client{
		env: e, pool: rpc.NewPool(e, t, rpc.PoolConfig{Logger: c.Logger}), random: e.Rand("client"),
		addrs: append([]string{}, c.Addrs...), owners: make(map[api.ActorID]string),
	}, nil
}

// Close breaks the client's connections. Calls in flight fail.
func (c *Client) Close() { c.pool.Close() }

// CallOption is a choice about one call.
type CallOption func(*options)

type options struct {
	key      string
	readOnly bool
}

// WithIdempotencyKey makes a call that is sent again with the same key have its effect once, and get the
// same answer, for as long as the actor keeps it (its last 1,000 calls with a key). The key has up to 128 bytes.
func WithIdempotencyKey(key string) CallOption { return func(o *options) { o.key = key } }

// ReadOnly says that the method changes nothing: the call may be sent again when its answer was lost.
func ReadOnly() CallOption { return func(o *options) { o.readOnly = true } }

// Call calls a method with a request, which is encoded as actor.Marshal does, and decodes the reply. See CallRaw.
func Call[Resp any](ctx context.Context, c *Client, id api.ActorID, method string, request any, opts ...CallOption) (Resp, error) {
	var reply Resp
	body, err := actor.Marshal(request)
	if err != nil {
		return reply, api.Errorf(api.CodeInvalidArgument, "the request of type %T does not encode: %v", request, err)
	}
	out, err := c.CallRaw(ctx, id, method, body, opts...)
	if err != nil {
		return reply, err
	}
	if err := actor.Unmarshal(out, &reply); err != nil {
		return reply, api.Errorf(api.CodeInvalidArgument, "the reply of %s to %s does not fit a %T: %v", id, method, reply, err)
	}
	return reply, nil
}

// CallRaw calls a method with an encoded request and returns the encoded reply. It blocks until the answer comes
// or ctx ends. Errors are of type *api.Error, with these codes among others:
//
//   - CodeApplication: the actor's own error; Detail holds its code. The call had no effect.
//   - CodeUnavailable: no node could take the call in time. It has not run.
//   - CodeUnknown, CodeDeadlineExceeded, CodeCancelled: it may have run.
//   - CodeOverloaded: the actor's mailbox is full. It has not run.
func (c *Client) CallRaw(ctx context.Context, id api.ActorID, method string, body []byte, opts ...CallOption) ([]byte, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if len(body) > api.PayloadBytesMax {
		return nil, api.Errorf(api.CodeTooLarge, "request of %d bytes to %s: must have at most %d", len(body), id, api.PayloadBytesMax)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = env.WithTimeout(c.env, ctx, DefaultTimeout)
		defer cancel()
	}
	req := api.InvokeRequest{Actor: id, Method: method, Key: o.key, Body: body}
	payload := req.AppendTo(nil)
	return c.persist(ctx, id, payload, o)
}

// persist sends the call until it has an answer that another try can't better, or ctx ends.
func (c *Client) persist(ctx context.Context, id api.ActorID, payload []byte, o options) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		addr, guess := c.target(id)
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
			return nil, err
		}
		c.failed(id, addr, guess, err)
		if env.Sleep(c.env, ctx, c.pause(attempt)) != nil {
			return nil, err
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
	case api.CodeDeadlineExceeded, api.CodeCancelled, api.CodeMismatch, api.CodePermissionDenied, api.CodeTooLarge, api.CodeOverloaded:
		return false
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

// target returns where to send a call of an actor, and whether that is a guess at its owner.
func (c *Client) target(id api.ActorID) (addr string, guess bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if addr, ok := c.owners[id]; ok {
		return addr, true
	}
	return c.addrs[0], false
}

// answered remembers the actor's owner, the node at addr unless it named another one.
func (c *Client) answered(id api.ActorID, addr, owner string) {
	if owner == "" {
		owner = addr
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.owners) >= ownersMax {
		clear(c.owners) // rare, and each is learnt again by one call
	}
	c.owners[id] = owner
}

// failed forgets a guess, or puts an address behind the others. A node that says who the owner is, is believed.
func (c *Client) failed(id api.ActorID, addr string, guess bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.owners, id)
	var coded *api.Error
	if errors.As(err, &coded) && coded.Code == api.CodeMoved {
		if owner := coded.Detail[api.DetailOwnerAddress]; owner != "" && owner != addr {
			c.owners[id] = owner
		}
		return
	}
	if !guess && c.addrs[0] == addr {
		c.addrs = append(c.addrs[1:len(c.addrs):len(c.addrs)], addr)
	}
}

// Admin calls a method of the nodes themselves at the addresses in turn. If none can be reached the
// error is that of each.
func Admin[Req, Resp any](ctx context.Context, c *Client, method string, req *Req) (*Resp, error) {
	c.mu.Lock()
	addrs := append([]string{}, c.addrs...)
	c.mu.Unlock()
	var failed []error
	for _, addr := range addrs {
		resp, err := rpc.CallTyped[Req, Resp](ctx, c.pool, addr, method, req)
		if err == nil {
			return resp, nil
		}
		if !rpc.NotSent(err) && api.CodeOf(err) != api.CodeUnavailable {
			return nil, err
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}
