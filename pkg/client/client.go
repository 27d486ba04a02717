// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/internal/callkey"
	"github.com/kelpiehq/kelpie/internal/places"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// DefaultTimeout bounds a call whose context has no deadline.
const DefaultTimeout = 30 * time.Second

// Config is what New needs to know.
type Config struct {
	// Addrs are addresses of nodes, HOST:PORT. At least one is required. They take turns, from the first on; one that
	// has failed is passed over for a while.
	Addrs []string
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
}

// ownersMax is how many actors' places a client remembers.
const ownersMax = 10_000

// Client calls actors.
type Client struct {
	env    env.Env
	pool   *rpc.Pool
	random *env.Rand
	closed *env.Event
	keys   *callkey.Keys
	gates  gates

	mu        sync.Mutex
	addresses *addresses
	owners    *places.Places
}

// New returns a client in a world and on a network that the caller chooses, as the simulator does; programs use Dial.
// It connects when first needed. Errors are CodeInvalidArgument.
func New(e env.Env, t rpc.Transport, c Config) (*Client, error) {
	if len(c.Addrs) == 0 {
		return nil, api.Errorf(api.CodeInvalidArgument, "client: at least one address of a node is required")
	}
	random := e.Rand("client")
	name := random.Bytes16()
	home := new(cluster)
	return &Client{
		env: e, pool: rpc.NewPool(e, t, rpc.PoolConfig{Logger: c.Logger, Accept: home.accept}),
		random: random, closed: env.NewEvent(e),
		keys:      callkey.New(string(name[:])),
		gates:     gates{env: e, all: make(map[api.ActorID]*gate)},
		addresses: newAddresses(c.Addrs), owners: places.New(ownersMax),
	}, nil
}

// cluster is the one that a client belongs to: that of the first node that it has connected to. An address may come to
// belong to another cluster, whose actors of the same names are others.
type cluster struct {
	mu sync.Mutex
	id string
}

// accept refuses a node of another cluster.
func (c *cluster) accept(peer rpc.PeerInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == "" {
		c.id = peer.ClusterID
	}
	if peer.ClusterID == "" || peer.ClusterID == c.id {
		return nil
	}
	return api.Errorf(api.CodeMismatch, "client: the node at %s belongs to cluster %s now, and this client to "+
		"cluster %s: nothing was sent; make a new client if that is meant", peer.Address, peer.ClusterID, c.id)
}

// Close breaks the client's connections. Calls in flight fail, and so do later ones.
func (c *Client) Close() {
	c.closed.Set()
	c.pool.Close()
}

// CallOption is a choice about one call.
type CallOption = api.CallOption

// WithIdempotencyKey gives the call a key by which another call, of another process too, is known for the same: it
// has its effect once, and all get the same answer, for as long as the actor keeps it: a quarter of an hour, however
// many other calls it gets (more precisely, a thousand million versions of the store). An actor with no room for more
// answers of such calls refuses new ones as CodeOverloaded, before they run. The key has up to 128 bytes. A call
// without has a key of the client's own, which is enough for the client's own retries.
func WithIdempotencyKey(key string) CallOption {
	return func(o *api.CallOptions) { o.IdempotencyKey = key }
}

// WithTimeout bounds the call, as a deadline of its context does: the earlier one counts. d is positive.
func WithTimeout(d time.Duration) CallOption { return func(o *api.CallOptions) { o.Timeout = d } }

// Stale has a reading method answered from memory, without asking the store whether the actor still is where the call
// arrived: it may be behind, by as long as a node does not notice that it has lost its lease.
func Stale() CallOption { return func(o *api.CallOptions) { o.Stale = true } }

// Call calls a method by its name, for tools that know no more of it. Programs call by the reference that actor.Write
// and actor.Read return, or actor.Named. The request is encoded as actor.Marshal does, and the reply decoded. Errors
// are those of Client.CallRaw.
func Call[Resp any](ctx context.Context, c actor.Caller, id actor.ID, method string, request any,
	opts ...CallOption) (Resp, error) {
	return actor.Named[any, Resp](id.Namespace, method).On(c, id.ID).Call(ctx, request, opts...)
}

// Send has a method called once, by its name, for tools that know no more of it. Programs send by Target.Send. Errors
// are those of Client.SendRaw.
func Send(ctx context.Context, c actor.Caller, id actor.ID, method string, request any, opts ...CallOption) (
	message string, err error) {
	return actor.Named[any, any](id.Namespace, method).On(c, id.ID).Send(ctx, request, opts...)
}

// CallRaw calls a method with an encoded request and returns the encoded reply. It blocks until the answer comes
// or ctx ends. Errors are of type *api.Error, with these codes among others:
//
//   - CodeApplication: the actor's own error; Detail holds its code. The call had no effect.
//   - CodeMismatch: all addresses belong to another cluster than the client's first connection. It has not run.
//   - CodeUnavailable: no node could take the call in time. It has not run.
//   - CodeUnknown, CodeDeadlineExceeded, CodeCancelled: it may have run, or may still run.
//   - CodeOverloaded: too much was waiting already, until ctx ended. It has not run.
//
// A call whose answer was lost is sent again, under the same key, so that it has its effect once.
func (c *Client) CallRaw(ctx context.Context, id actor.ID, method string, body []byte, opts ...CallOption) (
	[]byte, error) {
	if len(body) > api.PayloadBytesMax {
		return nil, api.Errorf(api.CodeTooLarge, "request of %d bytes to %s; at most %d are allowed", len(body), id,
			api.PayloadBytesMax)
	}
	reply, _, err := c.invoke(ctx, id, method, body, opts)
	return reply, err
}

// SendRaw has a method of an actor called once, with an encoded request, without waiting for that: when SendRaw returns
// nil, the message is stored with the actor. It is delivered as actor.Send describes, in the order of acceptance, and
// after ten failures it goes to the actor's dead letters. The id names the message in logs: it is the idempotency key,
// if the call has one, and SendRaw under the same key again does not send it twice.
//
// The method must be one that writes, and the request one that it takes, of up to 90,000 bytes; volatile actors take no
// messages. Errors are those of CallRaw: with CodeUnknown, the message may have been accepted.
func (c *Client) SendRaw(ctx context.Context, id actor.ID, method string, body []byte, opts ...CallOption) (
	message string, err error) {
	if len(body) > api.SendBytesMax {
		return "", api.Errorf(api.CodeTooLarge, "message of %d bytes to %s; at most %d are allowed", len(body), id,
			api.SendBytesMax)
	}
	request := api.SendRequest{Method: method, Body: body}
	_, message, err = c.invoke(ctx, id, api.MethodSend, request.AppendTo(nil), opts)
	return message, err
}

// invoke makes a call, and returns its reply and the name of its key.
func (c *Client) invoke(ctx context.Context, id actor.ID, method string, body []byte, opts []CallOption) (
	reply []byte, name string, err error) {
	var o api.CallOptions
	for _, opt := range opts {
		opt(&o)
	}
	if err := id.Validate(); err != nil {
		return nil, "", err
	}
	if o.Timeout != 0 {
		var cancel context.CancelFunc
		ctx, cancel = env.WithTimeout(c.env, ctx, o.Timeout)
		defer cancel()
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if err := c.gates.enter(ctx, id); err != nil {
		return nil, "", err
	}
	defer c.gates.leave(id)
	if err := c.learnBirth(ctx); err != nil {
		return nil, "", err
	}
	key := c.keys.Next(o.IdempotencyKey, id, c.env.Now())
	defer c.keys.Done(&key, id)
	req := api.InvokeRequest{Actor: id, Method: method, Key: key, Body: body, Flags: api.InvokeRedirect}
	if o.Stale {
		req.Flags |= api.InvokeStale
	}
	reply, err = c.persist(ctx, &req)
	return reply, key.String(), err
}

// invokeHeaderBytes is room for the header of an InvokeRequest of ordinary names.
const invokeHeaderBytes = 128

// bounded gives ctx a deadline if it has none.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return env.WithTimeout(c.env, ctx, DefaultTimeout)
}
