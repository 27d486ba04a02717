// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package router

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/places"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
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

// Router finds the activation of an actor: here, where the cache says, where the store says, or
// where placement puts it. A call stays with the router until it is answered or its deadline passes.
type Router struct {
	Deps
	lookups *lookups
	random  *env.Rand

	mu    sync.Mutex
	cache *places.Places
	turns map[string]uint64 // how often the node has placed an actor, by namespace
}

// Deps are what a router is made of.
type Deps struct {
	telemetry.Scope
	Registry  *registry.Registry
	Kinds     map[string]*kind.Spec
	Mailboxes *mailbox.Table
	Members   *membership.Manager
	Contact   *membership.Contact
	Loads     *membership.Loads
	Reach     *membership.Reach
	Pool      *rpc.Pool
}

// New returns a router that knows no places yet.
func New(d Deps) *Router {
	r := &Router{Deps: d, random: d.Env.Rand("router"), cache: places.New(placementCacheMax),
		turns: make(map[string]uint64)}
	r.lookups = newLookups(d.Scope, d.Registry, r)
	return r
}

// Route is where every call begins. It does not block.
func (r *Router) Route(c *call.Call) {
	n := r
	if taken, err := n.Mailboxes.Submit(c, false, n.Env.Monotonic()); taken {
		return
	} else if err != nil {
		r.Again(c, err)
		return
	}
	if c.Flags&api.InvokeForwarded != 0 {
		if c.Flags&api.InvokeMayClaim == 0 {
			c.Finish(nil, "", r.gone(c.Actor))
			return
		}
		if err := n.Contact.Err(); err != nil { // it could not be claimed
			c.Finish(nil, "", err)
			return
		}
		r.here(c)
		return
	}
	if addr, ok := r.cached(c.Actor); ok {
		r.Forward(c, addr, "", api.InvokeForwarded)
		return
	}
	if err := n.Contact.Err(); err != nil { // nor found
		c.Finish(nil, "", err)
		return
	}
	if n.Kinds[c.Actor.Namespace] != nil && r.alone() {
		r.here(c) // or it has been taken by a node that nobody here knows: the claim says so
		return
	}
	n.lookups.lookup(c)
}

// alone reports whether the node is the only one, as far as it knows.
func (r *Router) alone() bool {
	view := r.Members.Members()
	return view != nil && len(view.Members()) == 1
}

// here takes the call to a mailbox of this node, which claims the actor if it can.
func (r *Router) here(c *call.Call) {
	_, err := r.Mailboxes.Submit(c, true, r.Env.Monotonic())
	if err == nil {
		return
	}
	if api.CodeOf(err) == api.CodeNoCapacity {
		c.RefusedBy(r.NodeID, err)
	}
	r.Again(c, err)
}

// located takes the call to the owner of its actor, or places the actor if nobody owns it.
func (r *Router) located(c *call.Call, owner registry.Owner) {
	n := r
	if r.givenUp(c) {
		return
	}
	if owner.Current {
		r.toOwner(c, owner)
		return
	}
	node, err := n.Choose(c.Actor, append(r.tooOld(c), c.Refused...)...)
	if _, known := n.Members.Members().Namespace(c.Actor.Namespace); known &&
		api.CodeOf(err) == api.CodeUnknownNamespace {
		r.Again(c, api.Errorf(api.CodeUnavailable, "actor %s: no node that hosts namespace %q is up", c.Actor,
			c.Actor.Namespace))
		return
	}
	if api.CodeOf(err) == api.CodeNoCapacity { // all have refused: by and by something gets idle
		c.Refused, c.Nowhere = nil, err
		r.Again(c, err)
		return
	}
	if err != nil {
		c.Finish(nil, "", err)
		return
	}
	n.Loads.Placed(node.ID)
	r.send(c, node)
}

// toOwner takes the call to the node that the store names.
func (r *Router) toOwner(c *call.Call, owner registry.Owner) {
	if owner.Node == r.NodeID {
		r.here(c)
		return
	}
	ctx, cancel := env.WithDeadlineAt(r.Env, r.Ctx, c.Deadline)
	defer cancel()
	node, known, _ := r.Members.Owner(ctx, owner) // one that an older view knows will do
	if !known {
		r.Again(c, call.ErrOwnerUnknown(c.Actor, owner.Node))
		return
	}
	r.send(c, node)
}

func (r *Router) send(c *call.Call, node registry.NodeInfo) {
	if node.ID == r.NodeID {
		r.here(c)
		return
	}
	r.Forward(c, node.Address, node.ID, api.InvokeForwarded|api.InvokeMayClaim)
}

// keptFlags are those that a call keeps on its way.
const keptFlags = api.InvokeStale | api.InvokeLastTry | api.InvokeOutside | api.InvokePatient

// Forward sends the call to another node. nodeID is "" when only the cache was asked.
func (r *Router) Forward(c *call.Call, addr, nodeID string, flags api.InvokeFlags) {
	if c.Retried() {
		flags |= api.InvokeRetry
	}
	req := api.InvokeRequest{Actor: c.Actor, Method: c.Method, Key: c.Key, Chain: c.Chain, Sender: c.Sender,
		SendNumber: c.Number, Flags: flags | c.Flags&keptFlags, Body: c.Body}
	payload := req.AppendTo(make([]byte, 0, len(c.Body)+invokeHeaderBytes))
	var out *cancellation
	if c.OnGone != nil {
		out = new(cancellation)
		c.OnGone(out.cancel)
	}
	cancel := r.Pool.StartBy(c.PlacedBy(), c.Deadline, addr, rpc.ClassCall, api.MethodInvoke, payload,
		func(reply []byte, err error) { r.forwarded(c, addr, nodeID, reply, err) })
	if out != nil {
		out.begun(cancel)
	}
}

// cancellation passes on that a caller has given up to where the call was sent, whichever comes first. It is made
// before the call is sent: what ends it later ends that attempt, and no later one.
type cancellation struct {
	mu     sync.Mutex
	gone   bool
	giveUp func() // of what was sent
}

// begun says how to give up what was sent.
func (x *cancellation) begun(giveUp func()) {
	x.mu.Lock()
	x.giveUp = giveUp
	gone := x.gone
	x.mu.Unlock()
	if gone {
		giveUp()
	}
}

// cancel gives up what was sent.
func (x *cancellation) cancel() {
	x.mu.Lock()
	x.gone = true
	giveUp := x.giveUp
	x.mu.Unlock()
	if giveUp != nil {
		giveUp()
	}
}

// invokeHeaderBytes is room for the header of an InvokeRequest of ordinary names.
const invokeHeaderBytes = 160

// forwarded takes the answer of another node.
func (r *Router) forwarded(c *call.Call, addr, nodeID string, reply []byte, err error) {
	if err == nil {
		answer, err := api.DecodeInvokeReply(reply)
		if err == nil {
			r.Remember(c.Actor, addr)
		}
		c.Finish(answer.Body, addr, err)
		return
	}
	switch code := api.CodeOf(err); {
	case call.HasRetryAfter(err), code == api.CodeCancelled:
		c.Finish(nil, addr, err)
	case code == api.CodeMoved:
		r.corrected(c, addr, err)
	case rpc.NotSent(err) || code == api.CodeUnavailable || code == api.CodeFenced:
		r.forget(c.Actor, addr)
		r.unreached(c, addr, nodeID, err)
	case code == api.CodeUnknown && r.retryable(c, err):
		r.forget(c.Actor, addr)
		r.Again(c, err)
	case code == api.CodeNoCapacity:
		r.forget(c.Actor, addr)
		c.RefusedBy(nodeID, err)
		r.Again(c, err)
	default:
		c.Finish(nil, addr, err)
	}
}

// unreached deals with a call that the node at addr did not take, the owner of its actor as far as is known. If that
// lives, and can't be reached from here, a caller that may reach it is told at once where to ask.
func (r *Router) unreached(c *call.Call, addr, nodeID string, err error) {
	why := api.Errorf(api.CodeUnavailable, "actor %s: node at %s: %v", c.Actor, addr, err)
	if nodeID != "" {
		r.Members.Suspect(nodeID)
		c.Silent = nodeID
	}
	if !rpc.NotSent(err) {
		r.Again(c, why)
		return
	}
	why.Detail = map[string]string{api.DetailOwnerAddress: addr}
	members := r.Members.Members().Members()
	if i := slices.IndexFunc(members, func(m registry.NodeInfo) bool { return m.Address == addr }); i >= 0 {
		owner := members[i]
		why.Message = fmt.Sprintf("actor %s: its owner, node %s, can't be reached from node %s: %v", c.Actor, owner.ID,
			r.NodeID, err)
		why.Detail[api.DetailOwnerNode] = owner.ID
		if code := api.CodeOf(err); code == api.CodeUnavailable || code == api.CodeMismatch {
			r.Reach.Unreached(owner, err) // not where the deadline had passed, or too much waits to be sent
		}
	}
	if c.Flags&api.InvokeRedirect != 0 && r.Reach.Lives(addr) {
		c.Finish(nil, "", why)
		return
	}
	r.Again(c, why)
}

// repeatable reports whether a call may run twice: it changes nothing, or its key makes it have its effect once.
func (r *Router) repeatable(c *call.Call) bool {
	if !c.Key.IsZero() {
		return true
	}
	spec := r.Kinds[c.Actor.Namespace]
	if spec == nil {
		return false
	}
	m := spec.Methods[c.Method]
	return m != nil && m.ReadOnly
}

// corrected follows a node's word that another one owns the actor.
func (r *Router) corrected(c *call.Call, addr string, err error) {
	r.forget(c.Actor, addr)
	var moved *api.Error
	if errors.As(err, &moved) && moved.Detail[api.DetailOwnerAddress] != "" {
		r.Remember(c.Actor, moved.Detail[api.DetailOwnerAddress])
	}
	r.Again(c, err)
}

// Again routes a call anew that has had no effect, or may have it again, after a pause that grows. err is why; the
// caller gets it when the deadline comes first. Errors that another try can't mend go to the caller at once.
func (r *Router) Again(c *call.Call, err error) {
	n := r
	if r.givenUp(c) {
		return
	}
	if call.HasRetryAfter(err) || !r.retryable(c, err) {
		c.Finish(nil, "", call.WireError(err))
		return
	}
	if api.CodeOf(err) == api.CodeUnknown {
		c.Doubt()
	}
	if silent := n.Contact.Err(); silent != nil && api.CodeOf(err) != api.CodeMoved { // which may say who has the actor
		c.Finish(nil, "", silent)
		return
	}
	if c.Flags&api.InvokeForwarded != 0 { // the node that the caller asked routes it
		c.Finish(nil, "", call.WireError(err))
		return
	}
	pause := r.pause(c)
	if n.Env.Monotonic()+pause >= c.PlacedBy() || n.Ctx.Err() != nil {
		// which say where to go next: nowhere
		if code := api.CodeOf(err); code == api.CodeMoved || code == api.CodeFenced {
			err = api.Errorf(api.CodeUnavailable, "actor %s could not be reached in time: %v", c.Actor, err)
		} else if code == api.CodeNoCapacity && c.Nowhere != nil { // which tells of all nodes, not of the last alone
			err = c.Nowhere
		}
		c.Finish(nil, "", call.WireError(err))
		return
	}
	n.Env.Go("route again", func() {
		if r.await(c, pause) != nil {
			c.Finish(nil, "", call.ErrStopped(c.Actor))
			return
		}
		if r.givenUp(c) {
			return
		}
		if addr, ok := r.cached(c.Actor); ok && c.Attempts == 1 {
			r.Forward(c, addr, "", api.InvokeForwarded)
			return
		}
		n.lookups.lookup(c)
	})
}

// givenUp ends a call whose caller has gone, and reports whether it did.
func (r *Router) givenUp(c *call.Call) bool {
	if c.Gone == nil || !c.Gone() {
		return false
	}
	c.Finish(nil, "", api.Errorf(api.CodeCancelled, "actor %s: the caller has given up", c.Actor))
	return true
}

// await lets a call wait before it is routed again: if the node that owns its actor does not answer, for news of the
// members.
func (r *Router) await(c *call.Call, pause time.Duration) error {
	n := r
	silent, view := c.Silent, n.Members.Members()
	c.Silent = ""
	if node, ok := view.Node(silent); ok && node.Member() && c.Attempts > quickAttempts {
		n.Members.Await(n.Ctx, view, min(awaitedMax, c.PlacedBy()-n.Env.Monotonic()))
		return n.Ctx.Err()
	}
	if pause > 0 {
		return env.Sleep(n.Env, n.Ctx, pause)
	}
	return nil
}

func (r *Router) pause(c *call.Call) time.Duration {
	c.Attempts++
	if c.Attempts == 1 {
		return 0
	}
	return r.random.Jitter(min(routeBackoffMin<<min(c.Attempts-2, 10), routeBackoffMax))
}

// retryable reports whether another try of c may do better than one that failed with err, elsewhere or later, and may
// be made: c has had no effect, or may have it again.
func (r *Router) retryable(c *call.Call, err error) bool {
	if call.IsStoreError(err) {
		return true
	}
	return api.Retryable(err, api.Router) && (call.NotRun(err) || r.repeatable(c))
}

// MovedTo is the error that names an actor's owner.
func (r *Router) MovedTo(id api.ActorID, owner registry.Owner) error {
	err := api.Errorf(api.CodeMoved, "actor %s is owned by node %s", id, owner.Node)
	err.Detail = map[string]string{api.DetailOwnerNode: owner.Node}
	if node, ok := r.Members.Members().Node(owner.Node); ok && node.Incarnation == owner.Incarnation {
		err.Detail[api.DetailOwnerAddress] = node.Address
	}
	return err
}

// gone is the error for a caller whose guess it was that the actor is here: it names the node that it is thought to
// be on.
func (r *Router) gone(id api.ActorID) error {
	err := call.ErrMoved(id)
	if addr, ok := r.cached(id); ok {
		err.Detail = map[string]string{api.DetailOwnerAddress: addr}
	}
	return err
}

func (r *Router) cached(id api.ActorID) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cache.Get(id)
}

// Remember notes where an actor is, as a guess.
func (r *Router) Remember(id api.ActorID, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.Put(id, addr)
}

// forget drops what is cached of an actor, if it is still addr.
func (r *Router) forget(id api.ActorID, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.Remove(id, addr)
}

// ForgetNode drops all that is cached of a node.
func (r *Router) ForgetNode(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.RemoveAll(addr)
}
