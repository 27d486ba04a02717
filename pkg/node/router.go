// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/internal/places"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// routeBackoffMin and routeBackoffMax bound the pause before a call that could not be
	// placed is looked at again. The first correction of a wrong guess is free.
	routeBackoffMin = 5 * time.Millisecond
	routeBackoffMax = 250 * time.Millisecond
	// quickAttempts is how often an owner that does not answer is tried again at once: its connection may just have
	// been lost.
	quickAttempts = 3
	// placementCacheMax is how many actors' places a node remembers.
	placementCacheMax = 100_000
)

// router finds the activation of an actor: here, where the cache says, where the store says, or
// where placement puts it. A call stays with the router until it is answered or its deadline passes.
type router struct {
	routerDeps
	lookups *lookups
	random  *env.Rand

	mu    sync.Mutex
	cache *places.Places
	turns map[string]uint64 // how often the node has placed an actor, by namespace
}

// routerDeps are what a router is made of.
type routerDeps struct {
	scope
	registry   *registry.Registry
	kinds      map[string]*actor.Spec
	dispatcher *dispatcher
	keeper     *keeper
	contact    *contact
	loads      *loads
	pool       *rpc.Pool
}

func newRouter(d routerDeps) *router {
	r := &router{routerDeps: d, random: d.env.Rand("router"), cache: places.New(placementCacheMax),
		turns: make(map[string]uint64)}
	r.lookups = newLookups(d.scope, d.registry, r)
	return r
}

// route is where every call begins. It does not block.
func (r *router) route(c *call) {
	n := r
	if taken, err := n.dispatcher.submit(c, false, n.env.Monotonic()); taken {
		return
	} else if err != nil {
		r.again(c, err)
		return
	}
	if c.flags&api.InvokeForwarded != 0 {
		if c.flags&api.InvokeMayClaim == 0 {
			c.finish(nil, "", r.gone(c.actor))
			return
		}
		if err := n.contact.err(); err != nil { // it could not be claimed
			c.finish(nil, "", err)
			return
		}
		r.here(c)
		return
	}
	if addr, ok := r.cached(c.actor); ok {
		r.forward(c, addr, "", api.InvokeForwarded)
		return
	}
	if err := n.contact.err(); err != nil { // nor found
		c.finish(nil, "", err)
		return
	}
	if n.kinds[c.actor.Namespace] != nil && r.alone() {
		r.here(c) // or it has been taken by a node that nobody here knows: the claim says so
		return
	}
	n.lookups.lookup(c)
}

// alone reports whether the node is the only one, as far as it knows.
func (r *router) alone() bool {
	view := r.keeper.members()
	return view != nil && len(view.Members()) == 1
}

// here takes the call to a slot of this node, which claims the actor if it can.
func (r *router) here(c *call) {
	_, err := r.dispatcher.submit(c, true, r.env.Monotonic())
	if err == nil {
		return
	}
	if api.CodeOf(err) == api.CodeNoCapacity {
		c.refusedBy(r.nodeID, err)
	}
	r.again(c, err)
}

// located takes the call to the owner of its actor, or places the actor if nobody owns it.
func (r *router) located(c *call, owner registry.Owner) {
	n := r
	if owner.Current {
		r.toOwner(c, owner)
		return
	}
	node, err := n.choose(c.actor, c.refused...)
	if _, known := n.keeper.members().Namespace(c.actor.Namespace); known &&
		api.CodeOf(err) == api.CodeUnknownNamespace {
		r.again(c, api.Errorf(api.CodeUnavailable, "actor %s: no node that hosts namespace %q is up", c.actor,
			c.actor.Namespace))
		return
	}
	if api.CodeOf(err) == api.CodeNoCapacity { // all have refused: by and by something gets idle
		c.refused, c.nowhere = nil, err
		r.again(c, err)
		return
	}
	if err != nil {
		c.finish(nil, "", err)
		return
	}
	n.loads.placed(node.ID)
	r.send(c, node)
}

// toOwner takes the call to the node that the store names.
func (r *router) toOwner(c *call, owner registry.Owner) {
	if owner.Node == r.nodeID {
		r.here(c)
		return
	}
	ctx, cancel := env.WithDeadlineAt(r.env, r.ctx, c.deadline)
	defer cancel()
	node, known, _ := r.keeper.owner(ctx, owner) // one that an older view knows will do
	if !known {
		r.again(c, errOwnerUnknown(c.actor, owner.Node))
		return
	}
	r.send(c, node)
}

func (r *router) send(c *call, node registry.NodeInfo) {
	if node.ID == r.nodeID {
		r.here(c)
		return
	}
	r.forward(c, node.Address, node.ID, api.InvokeForwarded|api.InvokeMayClaim)
}

// keptFlags are those that a call keeps on its way.
const keptFlags = api.InvokeStale | api.InvokeLastTry | api.InvokeOutside | api.InvokePatient

// forward sends the call to another node. nodeID is "" when only the cache was asked.
func (r *router) forward(c *call, addr, nodeID string, flags api.InvokeFlags) {
	if c.retried() {
		flags |= api.InvokeRetry
	}
	req := api.InvokeRequest{Actor: c.actor, Method: c.method, Key: c.key, Chain: c.chain, Sender: c.sender,
		SendNumber: c.number, Flags: flags | c.flags&keptFlags, Body: c.body}
	payload := req.AppendTo(make([]byte, 0, len(c.body)+invokeHeaderBytes))
	r.pool.Start(c.deadline, addr, rpc.ClassCall, api.MethodInvoke, payload, func(reply []byte, err error) {
		r.forwarded(c, addr, nodeID, reply, err)
	})
}

// invokeHeaderBytes is room for the header of an InvokeRequest of ordinary names.
const invokeHeaderBytes = 160

// forwarded takes the answer of another node.
func (r *router) forwarded(c *call, addr, nodeID string, reply []byte, err error) {
	if err == nil {
		answer, err := api.DecodeInvokeReply(reply)
		if err == nil {
			r.remember(c.actor, addr)
		}
		c.finish(answer.Body, addr, err)
		return
	}
	switch code := api.CodeOf(err); {
	case saysWhen(err):
		c.finish(nil, addr, err)
	case code == api.CodeMoved:
		r.corrected(c, addr, err)
	case rpc.NotSent(err) || code == api.CodeUnavailable || code == api.CodeFenced:
		r.forget(c.actor, addr)
		if nodeID != "" {
			r.keeper.suspect(nodeID)
			c.silent = nodeID
		}
		r.again(c, api.Errorf(api.CodeUnavailable, "actor %s: node at %s: %v", c.actor, addr, err))
	case code == api.CodeUnknown && r.retryable(c, err):
		r.forget(c.actor, addr)
		r.again(c, err)
	case code == api.CodeNoCapacity:
		r.forget(c.actor, addr)
		c.refusedBy(nodeID, err)
		r.again(c, err)
	default:
		c.finish(nil, addr, err)
	}
}

// repeatable reports whether a call may run twice: it changes nothing, or its key makes it have its effect once.
func (r *router) repeatable(c *call) bool {
	if !c.key.IsZero() {
		return true
	}
	spec := r.kinds[c.actor.Namespace]
	if spec == nil {
		return false
	}
	m := spec.Methods[c.method]
	return m != nil && m.ReadOnly
}

// corrected follows a node's word that another one owns the actor.
func (r *router) corrected(c *call, addr string, err error) {
	r.forget(c.actor, addr)
	var moved *api.Error
	if errors.As(err, &moved) && moved.Detail[api.DetailOwnerAddress] != "" {
		r.remember(c.actor, moved.Detail[api.DetailOwnerAddress])
	}
	r.again(c, err)
}

// again routes a call anew that has had no effect, or may have it again, after a pause that grows. err is why; the
// caller gets it when the deadline comes first. Errors that another try can't mend go to the caller at once.
func (r *router) again(c *call, err error) {
	n := r
	if saysWhen(err) || !r.retryable(c, err) {
		c.finish(nil, "", wireError(err))
		return
	}
	if api.CodeOf(err) == api.CodeUnknown {
		c.doubt()
	}
	if silent := n.contact.err(); silent != nil && api.CodeOf(err) != api.CodeMoved { // which may say who has the actor
		c.finish(nil, "", silent)
		return
	}
	if c.flags&api.InvokeForwarded != 0 { // the node that the caller asked routes it
		c.finish(nil, "", wireError(err))
		return
	}
	pause := r.pause(c)
	if n.env.Monotonic()+pause >= c.deadline || n.ctx.Err() != nil {
		// which say where to go next: nowhere
		if code := api.CodeOf(err); code == api.CodeMoved || code == api.CodeFenced {
			err = api.Errorf(api.CodeUnavailable, "actor %s could not be reached in time: %v", c.actor, err)
		} else if code == api.CodeNoCapacity && c.nowhere != nil { // which tells of all nodes, not of the last alone
			err = c.nowhere
		}
		c.finish(nil, "", wireError(err))
		return
	}
	n.env.Go("route again", func() {
		if r.await(c, pause) != nil {
			c.finish(nil, "", errStopped(c.actor))
			return
		}
		if addr, ok := r.cached(c.actor); ok && c.attempts == 1 {
			r.forward(c, addr, "", api.InvokeForwarded)
			return
		}
		n.lookups.lookup(c)
	})
}

// await lets a call wait before it is routed again: if the node that owns its actor does not answer, for news of the
// members.
func (r *router) await(c *call, pause time.Duration) error {
	n := r
	silent, view := c.silent, n.keeper.members()
	c.silent = ""
	if node, ok := view.Node(silent); ok && node.Member() && c.attempts > quickAttempts {
		n.keeper.await(n.ctx, view, min(awaitedMax, c.deadline-n.env.Monotonic()))
		return n.ctx.Err()
	}
	if pause > 0 {
		return env.Sleep(n.env, n.ctx, pause)
	}
	return nil
}

func (r *router) pause(c *call) time.Duration {
	c.attempts++
	if c.attempts == 1 {
		return 0
	}
	return r.random.Jitter(min(routeBackoffMin<<min(c.attempts-2, 10), routeBackoffMax))
}

// retryable reports whether another try of c may do better than one that failed with err, elsewhere or later, and may
// be made: c has had no effect, or may have it again.
func (r *router) retryable(c *call, err error) bool {
	if isStoreError(err) {
		return true
	}
	return api.Retryable(err, api.Router) && (notRun(err) || r.repeatable(c))
}

// movedTo is the error that names an actor's owner.
func (r *router) movedTo(id api.ActorID, owner registry.Owner) error {
	err := api.Errorf(api.CodeMoved, "actor %s is owned by node %s", id, owner.Node)
	err.Detail = map[string]string{api.DetailOwnerNode: owner.Node}
	if node, ok := r.keeper.members().Node(owner.Node); ok && node.Incarnation == owner.Incarnation {
		err.Detail[api.DetailOwnerAddress] = node.Address
	}
	return err
}

// gone is the error for a caller whose guess it was that the actor is here: it names the node that it is thought to
// be on.
func (r *router) gone(id api.ActorID) error {
	err := errMoved(id)
	if addr, ok := r.cached(id); ok {
		err.Detail = map[string]string{api.DetailOwnerAddress: addr}
	}
	return err
}

func (r *router) cached(id api.ActorID) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cache.Get(id)
}

func (r *router) remember(id api.ActorID, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.Put(id, addr)
}

// forget drops what is cached of an actor, if it is still addr.
func (r *router) forget(id api.ActorID, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.Remove(id, addr)
}

// forgetNode drops all that is cached of a node.
func (r *router) forgetNode(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.RemoveAll(addr)
}
