// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// movesAtOnce is how many actors of a job move at once.
	movesAtOnce = 32
	// drainPause is how long a drain waits before it looks again at what is left.
	drainPause = 200 * time.Millisecond
)

// job is a job that moves many of a node's actors: to empty it, or as many as an operator has asked for. It is the
// node's own work, and ends when nothing is left to do, it is cancelled, or its time is up.
type job struct {
	mover   *Migrator
	id      uint64
	request api.BulkRequest
	began   time.Duration
	ended   *env.Event
	cancel  context.CancelCauseFunc
	// permits are of moves at once.
	permits *env.Semaphore

	// stopping says that the node is about to stop: what no other node hosts is not waited for.
	stopping bool
	// work is what is to move in the first pass.
	work []assignment

	mu            sync.Mutex
	state         string
	total         int
	moved, failed int
	failures      []api.BulkFailure
	// reasons counts the failures of the latest pass, nowhere those of actors that no node accepts now, progress what
	// the pass moved.
	reasons           map[string]int
	nowhere, progress int
	at                time.Duration // when it ended
}

var (
	errJobCancelled = errors.New("cancelled")
	errJobTimedOut  = errors.New("timed out")
)

// jobs are a node's latest job.
type jobs struct {
	mu     sync.Mutex
	latest *job
	count  uint64
}

// latestJob returns the node's latest job, nil if there was none.
func (js *jobs) latestJob() *job {
	js.mu.Lock()
	defer js.mu.Unlock()
	return js.latest
}

// startBulk begins a job. A drain ends another one, and of two drains there is one, unless the node is about to stop:
// that has a pace of its own.
func (mv *Migrator) startBulk(req api.BulkRequest, stopping bool) (*job, error) {
	mv.jobs.mu.Lock()
	defer mv.jobs.mu.Unlock()
	if b := mv.jobs.latest; b != nil && b.running() {
		switch {
		case req.Kind == api.BulkDrain && b.request.Kind == api.BulkDrain && !stopping:
			return b, nil
		case req.Kind == api.BulkDrain:
			b.cancel(errJobCancelled)
		default:
			s := b.status()
			return nil, api.Errorf(api.CodeFailedPrecondition, "node %s is at work already: %s, for %s, %d of %d "+
				"actors moved", mv.NodeID, s.Kind, s.Why, s.Moved, s.Total)
		}
	}
	mv.jobs.count++
	b := &job{
		mover: mv, id: mv.jobs.count, request: req, began: mv.Env.Monotonic(), ended: env.NewEvent(mv.Env),
		permits:  env.NewSemaphore(mv.Env, movesAtOnce),
		stopping: stopping, state: api.BulkRunning,
	}
	b.work = b.candidates()
	b.total = len(b.work)
	ctx, cancel := env.WithCancelCause(mv.Ctx)
	b.cancel = cancel
	mv.jobs.latest = b
	mv.Happened(api.Event{Kind: api.EventJobBegan, Node: mv.NodeID, Count: b.total, From: mv.NodeID,
		To: req.To, Cause: req.Kind + ", for " + req.Why})
	mv.Env.Go("move actors", func() { b.run(ctx) })
	return b, nil
}

// run is the task of a job.
func (b *job) run(ctx context.Context) {
	n := b.mover
	limited := ctx
	if b.request.TimeoutMillis > 0 {
		var cancel context.CancelFunc
		limited, cancel = env.WithTimeout(n.Env, ctx, time.Duration(b.request.TimeoutMillis)*time.Millisecond)
		defer cancel()
	}
	err := b.pass(limited, b.work)
	b.work = nil
	for idle := 0; b.request.Kind == api.BulkDrain && err == nil && n.Mailboxes.Load().Activations > 0; {
		if idle = b.fruitless(idle); b.hopeless() || idle > fruitlessMax {
			break
		}
		if err = env.Sleep(n.Env, limited, drainPause); err == nil {
			err = b.pass(limited, b.candidates())
		}
	}
	state := api.BulkDone
	switch {
	case ctx.Err() != nil:
		state = api.BulkCancelled
	case err != nil && !errors.Is(err, errNowhere):
		state = api.BulkTimedOut
	}
	b.end(state)
	b.cancel(nil)
}

var errNowhere = errors.New("no other node takes actors")

// pass moves actors, once each, and waits for these moves.
func (b *job) pass(ctx context.Context, work []assignment) error {
	n := b.mover
	if err := ctx.Err(); err != nil {
		return err // what the pass before has found stays
	}
	b.mu.Lock()
	b.failed, b.failures, b.reasons, b.nowhere, b.progress = 0, nil, make(map[string]int), 0, 0
	b.mu.Unlock()
	if b.request.To == "" && !n.othersActive() {
		return errNowhere
	}
	next := n.Env.Monotonic()
	var err error
	for _, w := range work {
		if err = b.pace(ctx, &next); err != nil {
			break
		}
		if err = b.permits.Acquire(ctx, 1); err != nil {
			break
		}
		n.Env.Go("move actor", func() {
			defer b.permits.Release(1)
			b.note(w.actor, n.moveOut(n.Ctx, w.actor, w.to, b.request.Force, b.request.Why))
		})
	}
	// What has begun is waited for, whatever ctx says: it ends with the node at the latest.
	if err := b.permits.Acquire(n.Ctx, movesAtOnce); err != nil {
		return err
	}
	b.permits.Release(movesAtOnce)
	return err
}

// pace waits until the rate allows another move.
func (b *job) pace(ctx context.Context, next *time.Duration) error {
	if b.request.Rate <= 0 {
		return ctx.Err()
	}
	now := b.mover.Env.Monotonic()
	wait := *next - now
	*next = max(*next, now) + time.Duration(float64(time.Second)/b.request.Rate)
	if wait <= 0 {
		return ctx.Err()
	}
	return env.Sleep(b.mover.Env, ctx, wait)
}

// candidates are the actors that the job is about, those first that were not called for the longest.
func (b *job) candidates() []assignment {
	held := b.mover.Mailboxes.Held(b.request.Namespace)
	if b.request.Kind == api.BulkRebalance {
		return b.mover.assign(held, &b.request)
	}
	if limit := b.request.Limit; limit > 0 && len(held) > limit {
		held = held[:limit]
	}
	out := make([]assignment, len(held))
	for i, h := range held {
		out[i] = assignment{h.Actor, b.request.To}
	}
	return out
}

// assignment is an actor that is to move, and where to; "" is wherever placement puts it.
type assignment struct {
	actor api.ActorID
	to    string
}

// note counts what has become of an actor. One that is gone by itself counts as moved.
func (b *job) note(id api.ActorID, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil || api.CodeOf(err) == api.CodeMoved {
		b.moved++
		b.progress++
		return
	}
	b.failed++
	reason, nowhere := b.mover.whyNot(id, err)
	if nowhere {
		b.nowhere++
	}
	if _, known := b.reasons[reason]; known || len(b.reasons) < api.BulkReasonsMax {
		b.reasons[reason]++
	}
	if len(b.failures) == api.BulkFailuresMax {
		b.failures = b.failures[1:]
	}
	b.failures = append(b.failures, api.BulkFailure{Actor: id.String(), Error: call.WireError(err).Message})
}

// whyNot says why an actor was not moved, in words that many have in common, and whether that is because no node
// accepts it now.
func (mv *Migrator) whyNot(id api.ActorID, err error) (reason string, nowhere bool) {
	code := api.CodeOf(err)
	_, refused := errors.AsType[*refusedError](err)
	switch {
	case !refused && code != api.CodeNoCapacity && code != api.CodeUnknownNamespace:
	case !mv.hostedElsewhere(id.Namespace):
		return fmt.Sprintf("no other node that accepts actors hosts namespace %q", id.Namespace), true
	default:
		nowhere = true
	}
	said := strings.ReplaceAll(call.WireError(err).Message, "actor "+id.String(), "actors of "+id.Namespace)
	return strings.ReplaceAll(said, id.String(), "an actor of "+id.Namespace), nowhere
}

// fruitlessMax is how many passes in a row may move nothing, of actors that no node accepts, before a drain that does
// not wait ends: a node that is full may have room again in a moment.
const fruitlessMax = 10

// fruitless returns how many passes in a row have moved nothing, given the number before. Where no node hosts what is
// left, more passes would not help.
func (b *job) fruitless(before int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopping || b.request.Wait || b.failed == 0 || b.progress > 0 || b.nowhere < b.failed:
		return 0
	case !slices.ContainsFunc(b.mover.Mailboxes.Held(""), func(h mailbox.Holding) bool {
		return b.mover.hostedElsewhere(h.Actor.Namespace)
	}):
		return fruitlessMax + 1
	}
	return before + 1
}

// told are the reasons, the most frequent first. b.mu is held.
func (b *job) told() []api.BulkReason {
	out := make([]api.BulkReason, 0, len(b.reasons))
	for reason, actors := range b.reasons { //kelpie:unordered sorted below
		out = append(out, api.BulkReason{Reason: reason, Actors: actors})
	}
	slices.SortFunc(out, func(x, y api.BulkReason) int {
		return cmp.Or(cmp.Compare(y.Actors, x.Actors), strings.Compare(x.Reason, y.Reason))
	})
	return out
}

// hopeless reports whether waiting is of no use: the node is about to stop, and no other node that takes actors hosts
// what is left.
func (b *job) hopeless() bool {
	return b.stopping && !slices.ContainsFunc(b.mover.Mailboxes.Held(""), func(h mailbox.Holding) bool {
		return b.mover.hostedElsewhere(h.Actor.Namespace)
	})
}

func (b *job) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == api.BulkRunning
}

func (b *job) end(state string) {
	b.mu.Lock()
	b.state, b.at = state, b.mover.Env.Monotonic()
	b.mu.Unlock()
	s := b.status()
	b.mover.Log.Info("actors moved", "job", s.Kind, "for", s.Why, "state", s.State, "moved", s.Moved, "failed",
		s.Failed, "left", s.Left)
	b.mover.Happened(
		api.Event{Kind: api.EventJobEnded, Node: b.mover.NodeID, Count: s.Moved, From: b.mover.NodeID,
			To: s.To, Cause: fmt.Sprintf("%s %s: %d moved, %d failed, %d left", s.Kind, s.State, s.Moved, s.Failed,
				s.Left)})
	b.ended.Set()
}

// status is how the job stands.
func (b *job) status() api.BulkStatus {
	n := b.mover
	left := n.Mailboxes.Load().Activations
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.request.Kind != api.BulkDrain {
		left = max(b.total-b.moved-b.failed, 0)
	}
	until := b.at
	if b.state == api.BulkRunning {
		until = n.Env.Monotonic()
	}
	return api.BulkStatus{
		Job: b.id, Kind: b.request.Kind, State: b.state, Why: b.request.Why,
		To: b.request.To, Namespace: b.request.Namespace, Limit: b.request.Limit, Rate: b.request.Rate,
		Total: max(b.total, b.moved), Moved: b.moved, Failed: b.failed, Left: left,
		ElapsedMillis: (until - b.began).Milliseconds(), Failures: slices.Clone(b.failures),
		Reasons: b.told(),
	}
}

// moveOut moves an actor to the node that is named, or to one that placement chooses and that takes it.
func (mv *Migrator) moveOut(ctx context.Context, id api.ActorID, named string, force bool, why string) error {
	if named != "" {
		to, err := mv.Members.TargetNamed(ctx, named)
		if err != nil {
			return &refusedError{call.WireError(err)}
		}
		_, err = mv.migrate(ctx, id, to, force, why)
		return err
	}
	_, _, err := mv.moveToAny(ctx, id, force, why)
	return err
}

// moveToAny moves an actor to a node that placement chooses, the next one if that refuses.
func (mv *Migrator) moveToAny(ctx context.Context, id api.ActorID, force bool, why string) (to registry.NodeInfo,
	how moved,
	err error) {
	exclude := []registry.Refusal{{Node: mv.NodeID, Reason: api.RefusedLeaving}}
	for {
		to, chosenErr := mv.Router.Choose(id, exclude...)
		if chosenErr != nil && err != nil {
			return to, how, err // why the last one refused
		}
		if chosenErr != nil {
			return to, how, chosenErr
		}
		mv.Loads.Placed(to.ID)
		how, err = mv.migrate(ctx, id, to, force, why)
		refused := (*refusedError)(nil)
		if !errors.As(err, &refused) {
			return to, how, err
		}
		exclude = append(exclude, registry.Refusal{Node: to.ID, Reason: refused.err.Detail[api.DetailRefused]})
	}
}

// othersActive reports whether another node takes actors.
func (mv *Migrator) othersActive() bool {
	return slices.ContainsFunc(mv.Members.Members().Members(), func(m registry.NodeInfo) bool {
		return m.ID != mv.NodeID && m.State == registry.NodeActive
	})
}

// hostedElsewhere reports whether another node takes actors of a namespace.
func (mv *Migrator) hostedElsewhere(namespace string) bool {
	return slices.ContainsFunc(mv.Members.Members().Members(), func(m registry.NodeInfo) bool {
		return m.ID != mv.NodeID && m.State == registry.NodeActive && slices.Contains(m.Namespaces, namespace)
	})
}
