// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// ID names an actor.
type ID = api.ActorID

// Kind is the actors of one namespace. It is built at program start and not changed
// once a node uses it.
type Kind interface {
	// Spec returns what a node needs to host the kind.
	Spec() *Spec
}

// Consistency is how a namespace's reading methods are answered.
type Consistency string

const (
	// Linearizable reads are proved to be current by the store before they are answered.
	Linearizable Consistency = "linearizable"
	// Stale reads are answered from the memory of the activation, without the store. They may be
	// behind when the actor has been taken over by another node and this one has not noticed.
	Stale Consistency = "stale"
)

// Spec is a kind as a node sees it, without its types.
type Spec struct {
	Namespace   string
	Consistency Consistency
	// IdleTimeout is how long an actor without calls stays active; 0 is the node's default.
	IdleTimeout time.Duration
	// Placement is the strategy of placement that the namespace begins with; "" is "least-loaded".
	Placement string
	// Activate and Deactivate, if not nil, run before the first call of an activation and at its end.
	Activate, Deactivate Hook
	// Pack, if not nil, returns what an actor takes along when it moves, beside its state; Unpack gets that on the
	// other node.
	Pack   func(ctx *Context, state any) (luggage []byte, err error)
	Unpack func(ctx *Context, state any, luggage []byte) error
	// Volatile actors keep nothing in the store.
	Volatile bool
	// Version is that of the state, 0 for the first. Upgrade fills a new state from one of an earlier version.
	Version uint32
	Upgrade func(old Stored, state any) error
	renames []rename
	// NewState returns a pointer to a new, zero state.
	NewState func() any
	Methods  map[string]*MethodSpec
}

// MethodSpec is one method of a kind as a node sees it, without its types.
type MethodSpec struct {
	Name string
	// ReadOnly methods change nothing.
	ReadOnly bool
	// Run decodes the request, runs the handler on the state made by NewState and encodes the reply.
	Run func(ctx *Context, state any, request []byte) (reply []byte, err error)
}

// Of is a kind whose state is an S.
type Of[S any] struct {
	spec Spec
}

// New returns a kind without methods; Write and Read declare them. The namespace follows the rules of
// api.ValidateNamespace; New panics if it does not, as it is a mistake in the program.
func New[S any](namespace string) *Of[S] {
	if err := api.ValidateNamespace(namespace); err != nil {
		panic("actor.New: " + err.Error())
	}
	return &Of[S]{spec: Spec{
		Namespace:   namespace,
		Consistency: Linearizable,
		NewState:    func() any { return new(S) },
		Methods:     make(map[string]*MethodSpec),
	}}
}

// ID returns the id of one actor of the kind.
func (k *Of[S]) ID(id string) ID { return ID{Namespace: k.spec.Namespace, ID: id} }

// Spec implements Kind.
func (k *Of[S]) Spec() *Spec { return &k.spec }

// WithIdleTimeout sets how long an actor without calls stays active.
func (k *Of[S]) WithIdleTimeout(d time.Duration) *Of[S] {
	k.spec.IdleTimeout = d
	return k
}

// WithPlacement sets the strategy by which nodes are chosen for the actors: "least-loaded", which is the default,
// "random", "round-robin", "local-first", "rendezvous" or "spread"; a node does not start with any other. As all
// settings of a namespace it is what the cluster begins with: later it is changed by "kelpie namespaces set".
func (k *Of[S]) WithPlacement(strategy string) *Of[S] {
	k.spec.Placement = strategy
	return k
}

// WithConsistency sets how reading methods are answered; the default is Linearizable. As all settings of a namespace it
// is what the cluster begins with: later it is changed by "kelpie namespaces set".
func (k *Of[S]) WithConsistency(c Consistency) *Of[S] {
	k.spec.Consistency = c
	return k
}

// Hook runs at the beginning or the end of an activation, with the state that a Kind's NewState returned.
type Hook func(ctx *Context, state any) error

// OnActivate has f run when an actor has been activated, before its first call. What it changes is committed before
// that call runs. With an error, or a panic, nothing changes and the calls that waited are CodeUnavailable; the actor
// is then left alone for 100 ms, twice as long each time, up to 30 s. It must be done within 10 s, and can't call
// other actors.
func (k *Of[S]) OnActivate(f func(ctx *Context, state *S) error) *Of[S] {
	k.spec.Activate = hook(f)
	return k
}

// OnDeactivate has f run when an actor is deactivated because it is idle, makes room, moves, or its node stops. What
// it changes is committed. An error is logged, and the deactivation goes on. It must be done within 10 s, and can't
// call other actors. It does not run when the actor was destroyed, or its node has failed or lost it: what must be
// kept belongs into the calls.
func (k *Of[S]) OnDeactivate(f func(ctx *Context, state *S) error) *Of[S] {
	k.spec.Deactivate = hook(f)
	return k
}

func hook[S any](f func(ctx *Context, state *S) error) Hook {
	return func(ctx *Context, state any) error { return f(ctx, state.(*S)) }
}

// TakeAlong has an actor that moves to another node take something along that it keeps in memory beside its stored
// state, such as a cache in a field that is not encoded. pack runs when its last call on the old node is done, after
// OnDeactivate, and unpack on the new one, before OnActivate. Neither changes the stored state. It is no more than a
// help: what pack returned, at most 100 MiB, is lost when the move fails halfway, and nothing is packed when a
// node fails. If pack fails, the actor does not move. State and key-value space of a Volatile actor are taken along
// without this.
func (k *Of[S]) TakeAlong(pack func(ctx *Context, state *S) ([]byte, error),
	unpack func(ctx *Context, state *S, luggage []byte) error) *Of[S] {
	k.spec.Pack = func(ctx *Context, state any) ([]byte, error) { return pack(ctx, state.(*S)) }
	k.spec.Unpack = func(ctx *Context, state any, luggage []byte) error { return unpack(ctx, state.(*S), luggage) }
	return k
}

// Volatile makes the actors of the kind keep their state, key-value space and answers in memory alone: each begins
// anew when it was deactivated or its node has failed; when it is moved it takes them along. There still is one of it
// at a time, and what it answers is linearizable between two beginnings. A call that was repeated because an answer
// was lost has its effect once in each activation, and so may have it in two. It is for caches, limits and sessions:
// a call costs a read of the store that many share, and no write.
func (k *Of[S]) Volatile() *Of[S] {
	k.spec.Volatile = true
	return k
}

// Renamed tells that a field of the state struct is stored under another name than it was: states with the old one
// are read as well. Names are those of the encoding. To give a field that was removed its name back for something
// else, use WithVersion.
func (k *Of[S]) Renamed(from, to string) *Of[S] {
	k.spec.renames = append(k.spec.renames, rename{from, to})
	return k
}

// WithVersion numbers the state struct, from 1 on, for changes that are more than fields that come, go or are
// Renamed. A state that was stored under a lower number, 0 if there was none, is read by upgrade, which fills a zero
// state; what it makes is stored with the next change. If it fails, or the stored number is higher, every call of the
// actor fails as CodeCorruptState, and the stored state stays as it is. So during a rolling upgrade, an actor that
// the new program has changed is not answered for by nodes that run the old one.
//
// It panics if version is 0 or upgrade is nil.
func (k *Of[S]) WithVersion(version uint32, upgrade func(old Stored, state *S) error) *Of[S] {
	if version == 0 || upgrade == nil {
		panic("actor.Of.WithVersion: a version is at least 1, and needs a way to upgrade to it")
	}
	k.spec.Version = version
	k.spec.Upgrade = func(old Stored, state any) error { return upgrade(old, state.(*S)) }
	return k
}
