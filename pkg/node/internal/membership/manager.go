// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Manager keeps the node's membership: it beats, watches other nodes and fences dead ones, follows the
// membership, and joins again when the node itself has been fenced.
type Manager struct {
	Deps
	Spec registry.JoinSpec
	news news
	// Emptying says that the node takes no actors that it does not own.
	Emptying atomic.Bool
	mu       sync.Mutex
	self     *registry.Member
	newest   registry.Proof
	view     *registry.View
	regular  []string // whom the view has this node watch
	watcher  *registry.Watcher
	// suspects are dead owners found in the way of a call, watched until the time given, or until they have left.
	suspects map[string]time.Duration
	stale    bool // the view is behind the counter
	seq      uint64
	beatenAt time.Duration // when the last heartbeat that was committed began
}

// Deps are what a membership manager is made of.
type Deps struct {
	telemetry.Scope
	Kinds    map[string]*kind.Spec
	Registry *registry.Registry
	Contact  *Contact
	// Load is asked before every beat. It must answer only while the node makes progress: a wedged node loses its
	// lease.
	Load func() api.Load
	// Unreachable is what the next beat says of members that this node can't reach.
	Unreachable func() []registry.Unreachable
	// Fenced is told that the lease is gone, before the node joins again; joined that it has.
	Fenced func()
	// Failed is told of members that have been fenced.
	Failed func(registry.NodeInfo)
	// Beaten is told of every heartbeat.
	Beaten func(registry.Beaten)
}

// New returns a manager of a node that has not joined yet.
func New(d Deps) *Manager { return &Manager{Deps: d} }

// Join makes the node a member, and reads the membership.
func (k *Manager) Join(ctx context.Context) error {
	k.mu.Lock()
	spec := k.Spec
	k.mu.Unlock()
	member, err := k.Registry.Join(ctx, spec)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.self, k.seq, k.newest, k.beatenAt = member, 0, registry.Proof{}, k.Env.Monotonic()
	k.watcher = registry.NewWatcher(member.Meta)
	k.suspects = make(map[string]time.Duration)
	k.mu.Unlock()
	k.Events.Resume(member.LastEvent)
	k.Happened(api.Event{Kind: api.EventJoined, Node: member.Node.ID, Incarnation: member.Node.Incarnation.String(),
		Cause: fmt.Sprintf("at %s, epoch %d", member.Node.Address, member.Node.Epoch)})
	return k.learn(ctx)
}

// SetDraining says how the node is to join, when it must do so again.
func (k *Manager) SetDraining(draining bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Spec.Draining = draining
}

// Member returns the node's membership, nil before it has joined.
func (k *Manager) Member() *registry.Member {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.self
}

// Proof is that of the last heartbeat.
func (k *Manager) Proof() registry.Proof {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.newest
}

// Version is the newest of the store's that the node has seen by heartbeats and views.
func (k *Manager) Version() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.newest.Version()
	if k.view != nil {
		v = max(v, k.view.Version)
	}
	return v
}

// Members is the view of the membership.
func (k *Manager) Members() *registry.View {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view
}

// BeatForever is the task that keeps the lease. It returns nil when ctx ends, and an error when the
// node's name belongs to a newer process.
func (k *Manager) BeatForever(ctx context.Context) error {
	next := k.Env.Monotonic()
	for {
		interval := k.Member().Meta.Heartbeat
		// On a fixed schedule, so that as many beats fit in a lease as should; missed ones are not made up for.
		next = max(next+interval, k.Env.Monotonic())
		if env.Sleep(k.Env, ctx, next-k.Env.Monotonic()) != nil {
			return nil
		}
		gone, err := k.beat(ctx)
		if err != nil && ctx.Err() == nil && k.Contact.Err() == nil { // else that has been said
			k.Log.Warn("heartbeat failed", "error", err)
		}
		if gone {
			if err := k.rejoin(ctx); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// beat makes one heartbeat and acts on what it brought. gone says that the lease is lost.
func (k *Manager) beat(ctx context.Context) (gone bool, err error) {
	load := k.Load()
	began := k.Env.Monotonic()
	k.mu.Lock()
	self, watched := k.self, k.watched(began)
	k.seq++
	seq := k.seq
	k.mu.Unlock()

	limited, cancel := env.WithTimeout(k.Env, ctx, self.Meta.LeaseTTL)
	defer cancel()
	k.Contact.try(self.Meta.Heartbeat, self.Meta.LeaseTTL)
	b, err := k.Registry.Beat(limited, self, seq, load, watched, k.Unreachable()...)
	if err != nil {
		return false, err
	}
	k.Contact.beaten()
	if b.Proof.Fenced(self) {
		return true, nil
	}
	var silent []registry.Beat
	var names []string
	k.mu.Lock()
	k.newest, k.beatenAt = b.Proof, began
	k.stale = k.stale || b.Membership != k.view.Counter
	for i, node := range watched {
		if k.watcher.Observe(node, b.Watched[i], began) {
			silent, names = append(silent, b.Watched[i]), append(names, node)
		}
	}
	stale := k.stale
	k.mu.Unlock()
	for i, node := range names {
		k.fence(limited, node, silent[i])
	}
	if stale || len(names) > 0 {
		err = k.Refresh(limited)
	}
	k.Beaten(b)
	return false, err
}

// watched returns the nodes whose beats are to be read, and forgets those that are not. k.mu is held.
func (k *Manager) watched(now time.Duration) []string {
	names := slices.Clone(k.regular)
	regular := make(map[string]bool, len(names))
	for _, n := range names {
		regular[n] = true
	}
	for _, n := range k.view.Members() {
		until, suspect := k.suspects[n.ID]
		if suspect && !regular[n.ID] && now < until {
			names, regular[n.ID] = append(names, n.ID), true
		}
	}
	k.watcher.Forget(func(node string) bool { return regular[node] })
	return names
}

// Suspect has a node watched whose actor could not be reached.
func (k *Manager) Suspect(node string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// Long enough to find it silent; a living node drops out again.
	k.suspects[node] = k.Env.Monotonic() + 3*k.self.Meta.LeaseTTL
}

func (k *Manager) fence(ctx context.Context, node string, seen registry.Beat) {
	fenced, err := k.Registry.FenceSilent(ctx, node, seen)
	switch {
	case err != nil:
		k.Log.Warn("silent node not fenced", "node", node, "error", err)
	case fenced:
		k.Log.Info("fenced a node that has stopped beating", "node", node, "last_beat", seen.Seq)
		k.Happened(api.Event{Kind: api.EventFailed, Node: node, Incarnation: seen.Incarnation.String(),
			Cause: fmt.Sprintf("no heartbeat for its lease of %v, the last was number %d", k.Member().Meta.LeaseTTL,
				seen.Seq)})
	}
}

// rejoin drops everything and joins under a new incarnation, unless another process has the name by now.
func (k *Manager) rejoin(ctx context.Context) error {
	old := k.Member()
	k.Log.Warn("this node has lost its lease: dropping all activations and joining again", "epoch", old.Node.Epoch)
	k.Happened(api.Event{Kind: api.EventLeaseLost, Node: old.Node.ID, Incarnation: old.Node.Incarnation.String(),
		Cause: "others have fenced it, or an operator has: it drops its actors and joins again"})
	k.Fenced()
	k.mu.Lock()
	k.Spec.Replaces = old.Node.Incarnation
	k.mu.Unlock()
	k.Contact.try(old.Meta.Heartbeat, old.Meta.LeaseTTL)
	if err := k.Join(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	k.Contact.beaten()
	k.Log.Info("joined again", "epoch", k.Member().Node.Epoch)
	return nil
}

// Refresh reads the membership if the store can be reached.
func (k *Manager) Refresh(ctx context.Context) error {
	ctx, leave, err := k.Contact.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return k.learn(ctx)
}

// Node returns the node of that name, and whether the view knows it. If the view has none that will do it may be
// behind: then it is read again, and err is why that failed.
func (k *Manager) Node(ctx context.Context, name string, willDo func(registry.NodeInfo) bool) (registry.NodeInfo, bool,
	error) {
	node, known := k.Members().Node(name)
	if known && willDo(node) {
		return node, true, nil
	}
	if err := k.Refresh(ctx); err != nil {
		return node, known, err
	}
	node, known = k.Members().Node(name)
	return node, known, nil
}

// Owner is node of the node that the store says owns an actor.
func (k *Manager) Owner(ctx context.Context, owner registry.Owner) (registry.NodeInfo, bool, error) {
	return k.Node(ctx, owner.Node, func(node registry.NodeInfo) bool { return node.Incarnation == owner.Incarnation })
}

// learn reads the membership, however long that takes.
func (k *Manager) learn(ctx context.Context) error {
	view, err := k.Registry.View(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	before := k.view
	if before == nil || view.Counter >= before.Counter {
		k.view, k.stale, k.regular = view, false, view.Watched(k.self.Node.ID)
	}
	after := k.view
	k.mu.Unlock()
	k.reportCorrupt(before, after)
	if before != nil {
		k.announce(before, after)
		k.changedMembers(before, after)
	}
	if before != after {
		k.news.tell()
	}
	return nil
}

// reportCorrupt logs the records of the membership that can't be read, once each.
func (k *Manager) reportCorrupt(before, after *registry.View) {
	if before == after {
		return
	}
	for _, n := range after.Nodes {
		if n.State != registry.NodeCorrupt {
			continue
		}
		if before != nil {
			if old, _ := before.Node(n.ID); old.State == registry.NodeCorrupt {
				continue
			}
		}
		k.Log.Error("the record of a node can't be read: it does not count as a member; start it again, or remove it",
			"node", n.ID)
	}
	for _, name := range after.CorruptNamespaces {
		if before == nil || !slices.Contains(before.CorruptNamespaces, name) {
			k.Log.Error("the settings of a namespace can't be read: the defaults hold until they are set again",
				"namespace", name)
		}
	}
}

// announce tells of members that were fenced between two views and have not joined again.
func (k *Manager) announce(before, after *registry.View) {
	for _, old := range before.Members() {
		if now, _ := after.Node(old.ID); now.State == registry.NodeFailed {
			k.Failed(old)
		}
	}
}

// FollowForever refreshes the view as soon as the store says that the membership has changed, but not more often than
// it beats: when a thousand nodes join at once, each need not read all of them a thousand times. Watches are hints:
// the heartbeat polls the counter as well.
func (k *Manager) FollowForever(ctx context.Context) {
	for ctx.Err() == nil {
		err := k.Registry.AwaitMembership(ctx, k.Members().Counter)
		if err == nil {
			err = k.Refresh(ctx)
		}
		if err != nil && ctx.Err() == nil {
			k.Log.Debug("membership watch lost", "error", err)
		}
		_ = env.Sleep(k.Env, ctx, k.Member().Meta.Heartbeat) // only ctx can end it
	}
}

// Age returns how long ago the node last saw the beat of a watched node change, or made its own.
func (k *Manager) Age(node string) (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if node == k.self.Node.ID {
		return k.Env.Monotonic() - k.beatenAt, true
	}
	return k.watcher.Age(node, k.Env.Monotonic())
}

// lives reports whether the node has seen another one beat since a time, and recently.
func (k *Manager) lives(node string, since time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.watcher.Lives(node, since, k.Env.Monotonic(), livingBeats*k.self.Meta.Heartbeat)
}

// Ages returns age for the node itself and all that it watches, in milliseconds.
func (k *Manager) Ages() map[string]int64 {
	k.mu.Lock()
	now := k.Env.Monotonic()
	self := k.self.Node.ID
	watched := k.watched(now)
	k.mu.Unlock()
	out := make(map[string]int64)
	for _, node := range append(watched, self) {
		if age, ok := k.Age(node); ok {
			out[node] = age.Milliseconds()
		}
	}
	return out
}

// Leave gives the lease up.
func (k *Manager) Leave(ctx context.Context) error {
	return k.Registry.Leave(ctx, k.Member())
}

// Await blocks until the membership that is known changes from view, for at most the time given, or until ctx ends.
func (k *Manager) Await(ctx context.Context, view *registry.View, most time.Duration) {
	k.news.wait(ctx, k.Env, k, view, most)
}
