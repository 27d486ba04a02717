// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
)

// What is checked once faults have stopped.

// readerHost is the machine of the client that reads last.
const readerHost = "reader"

// readers are the methods that show an actor's state.
var readers = map[string]string{"counter": "get", "account": "balance", "register": "read", "list": "items",
	"kv": "scan", "purse": "balance", "session": "look", "relay": "done", "post": "wrong", "box": "items",
	slow: "done", huge: "size", poison: "get", jobs: "log", scratch: "log", wiped: "items"}

// lastReads reads every actor that was called: everything answers again, and what was acknowledged is there.
func (w *world) lastReads() {
	k := w.newWorker(readerHost, 0)
	histories := w.history.byActor()
	if slices.Contains(w.Workloads, "relay") { // nobody but the relays has called them
		for i := range purses {
			histories[api.ActorID{Namespace: "purse", ID: sprintf("%d", i)}] = nil
		}
	}
	for _, id := range sortedActors(histories) {
		if op := k.lastRead(id); op.Outcome != OK {
			w.violate("liveness", "%s does not answer %v after the last fault: %v", id, w.now()-w.calmAt, op.Err)
			return
		}
	}
	for _, op := range w.history.ops {
		if op.Returned == 0 && op.Outcome == Pending && op.Err == nil {
			w.violate("liveness", "a call is still open: %v", op)
			return
		}
	}
}

// lastRead reads an actor, trying again as long as it may take.
func (k *worker) lastRead(id api.ActorID) *Op {
	began := k.now()
	ctx, cancel := env.WithTimeout(k.env, k.ctx, k.answerBound()+k.hangTime())
	defer cancel()
	for {
		var op *Op
		switch method := readers[id.Namespace]; id.Namespace {
		case "list", "box", wiped:
			op, _ = callWithin[[]string](ctx, k, id, method, nil)
		case "kv":
			op, _ = callWithin[[]pair](ctx, k, id, method, nil)
		case jobs, scratch:
			op, _ = callWithin[[]entry](ctx, k, id, method, nil)
		case huge:
			op, _ = callWithin[hugeSize](ctx, k, id, method, nil)
		case "session":
			op, _ = callWithin[sitting](ctx, k, id, method, nil)
		case "register", "post":
			op, _ = callWithin[string](ctx, k, id, method, nil)
		default:
			op, _ = callWithin[int64](ctx, k, id, method, nil)
		}
		if op.Outcome == OK || ctx.Err() != nil || k.stuck(began) {
			return op
		}
		k.pause(10 * time.Millisecond)
	}
}

// expectedCodes are the errors that a caller must reckon with, when nothing is wrong but the world.
var expectedCodes = []api.Code{
	api.CodeUnavailable, api.CodeUnknown, api.CodeDeadlineExceeded, api.CodeOverloaded, api.CodeNoCapacity,
	api.CodeStore,
	api.CodeQuarantined,
}

// hasTooManyAlarms reports whether a job was refused because its actor had as many alarms as one may have.
func (op *Op) hasTooManyAlarms() bool {
	j, ok := op.Input.(job)
	return ok && j.setsAlarms() && api.CodeOf(op.Err) == api.CodeTooLarge
}

// errors checks that no caller was told of anything else.
func (w *world) errors() {
	for _, op := range w.history.ops {
		if op.hasTooManyAlarms() {
			continue
		}
		if op.Err != nil && !slices.Contains(expectedCodes, api.CodeOf(op.Err)) {
			w.violate("errors", "%v", op)
			return
		}
	}
}

// conserved checks that no money was made or lost.
func (w *world) conserved() {
	w.sums("account", "move")
	w.sums("purse", "run")
	w.errands()
}

// sums checks that what all actors of a namespace hold, of whom the last reader knows, is nothing together. If a
// call of a method was given up, it proves nothing: the liveness checker has told why.
func (w *world) sums(namespace, method string) {
	var sum int64
	balances := make(map[api.ActorID]*Op)
	for _, op := range w.history.ops {
		switch {
		case op.Method == method && op.Outcome != OK:
			return
		case op.Actor.Namespace == namespace && op.Client == readerHost && op.Outcome == OK:
			balances[op.Actor] = op
		}
	}
	for _, op := range balances { //kelpie:unordered a sum
		sum += op.Output.(int64)
	}
	if sum != 0 {
		w.violate("conservation", "the actors of %s hold %d together, and began with nothing", namespace, sum)
	}
}

// errands checks that every relay has done as many errands as were acknowledged.
func (w *world) errands() {
	done := make(map[api.ActorID]int64)
	for _, op := range w.history.ops {
		switch _, numbered := op.Output.(int64); {
		case op.Actor.Namespace != "relay":
		case op.Method == "run" && op.Outcome != OK:
			return
		case op.Method == "run" && numbered:
			done[op.Actor]++
		case op.Client == readerHost && op.Outcome == OK && op.Output != done[op.Actor]:
			w.violate("conservation", "%s has done %v errands, and %d were acknowledged", op.Actor, op.Output,
				done[op.Actor])
		}
	}
}

// watchMailboxes looks at the nodes' mailboxes from time to time.
func (w *world) watchMailboxes() {
	bound := w.Mailbox
	if bound == 0 {
		bound = node.DefaultMaxPendingPerActor
	}
	for !w.calm {
		w.sleep(w.Heartbeat / 3)
		for _, l := range w.lives {
			if l.ended || !l.started {
				continue
			}
			load := l.node.Load()
			// An actor that waits for the room of another one has a mailbox too, and is not counted.
			if load.Pending > 2*bound*load.Activations {
				w.violate("mailboxes", "%s has %d calls waiting for %d actors, with mailboxes of %d", l.name,
					load.Pending, load.Activations, bound)
			}
			if w.MaxCalls > 0 && l.node.Calls() > w.MaxCalls {
				w.violate("mailboxes", "%s has %d calls on their way, more than its %d", l.name, l.node.Calls(),
					w.MaxCalls)
			}
			if w.Capacity > 0 && load.Activations > w.Capacity {
				w.violate("mailboxes", "%s has %d actors, more than its capacity of %d", l.name, load.Activations,
					w.Capacity)
			}
		}
	}
}

// listed is what a listing says of an actor.
type listed struct {
	node  string
	token uint64
}

// checkListing compares the list of actors with the claims in the store, and waits for both to hold still.
func (w *world) checkListing() {
	if len(w.history.ops) == 0 {
		return
	}
	var rows, claims map[string]listed
	for end := w.now() + w.answerBound(); ; w.sleep(w.Heartbeat) {
		before, err := w.storedClaims()
		if err == nil {
			rows, err = w.listedActors()
		}
		if err == nil {
			claims, err = w.storedClaims()
		}
		if err == nil && maps.Equal(before, claims) { // nothing changed meanwhile
			break
		}
		if w.now() > end {
			w.violate("liveness", "the actors could not be listed within %v: %v", w.answerBound(), err)
			return
		}
	}
	if !maps.Equal(rows, claims) {
		w.violate("listings", "the list of actors has %d rows that differ from the %d claims in the store", len(rows),
			len(claims))
	}
}

func (w *world) listedActors() (map[string]listed, error) {
	out := make(map[string]listed)
	for after := ""; ; {
		page, err := operate[api.ActorsRequest, api.ActorsReply](w, api.MethodActors,
			&api.ActorsRequest{After: after, Limit: 20})
		if err != nil {
			return nil, err
		}
		for _, row := range page.Actors {
			if row.Node != "" {
				out[row.Actor] = listed{row.Node, row.Token}
			}
		}
		if after = page.Next; after == "" {
			return out, nil
		}
	}
}

// stopAll stops every node gracefully, all at once or one after the other: they end within a bound, and leave nothing
// running.
func (w *world) stopAll() {
	var stops []*env.Future[struct{}]
	for _, name := range slices.Sorted(maps.Keys(w.living)) {
		l := w.living[name]
		if l.stopped || !l.started {
			continue
		}
		done := env.NewFuture[struct{}](w.env)
		w.env.Go("stop "+name, func() {
			w.stopOne(l)
			done.Complete(struct{}{}, nil)
		})
		if w.StopAtOnce {
			stops = append(stops, done)
		} else {
			_, _ = done.Wait(w.ctx) // has no error
		}
	}
	for _, done := range stops {
		_, _ = done.Wait(w.ctx)
	}
}

func (w *world) stopOne(l *life) {
	if err := w.stop(l, w.answerBound()); err != nil {
		w.violate("leaks", "%s does not stop: %v", l.name, err)
		return
	}
	w.sleep(w.Heartbeat)
	if n := l.node.Calls(); n != 0 {
		w.violate("leaks", "%s has stopped, and %d calls have not been answered", l.name, n)
	}
	if left := l.machine.Tasks(); len(left) > 0 {
		w.violate("leaks", "%s has stopped, and %d tasks run on: %q", l.name, len(left), left)
	}
}
