// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// What operators, deploys and rebalances do: actors move, and nothing fails by that.

// moving are the faults that are none: no call may fail by them.
var moving = []string{"migrate", "drain", "rebalance", "roll", "join", "leave"}

// migrate has an operator move an actor, whoever has it.
func (w *world) migrate(args []string) {
	reply, err := operate[api.MigrateRequest, api.MigrateReply](w, api.MethodMigrate,
		&api.MigrateRequest{Actor: args[0], To: args[1], Force: true})
	w.told("migrate "+args[0]+" to "+args[1], err)
	if err == nil && reply.Moved {
		w.counts["migrate"]++
	}
}

// drain has an operator empty a node, and have it take actors again after a while. One node is emptied at a time.
func (w *world) drain(args []string) {
	if w.emptying {
		return
	}
	w.emptying = true
	defer func() { w.emptying = false }()
	_, err := operate[api.BulkRequest, api.BulkStatus](w, api.MethodBulk,
		&api.BulkRequest{Node: args[0], Kind: api.BulkDrain})
	w.told("drain "+args[0], err)
	if err != nil {
		return
	}
	w.counts["drain"]++
	w.sleep(duration(args[1]))
	w.undrain(args[0])
}

// undrain has a node take actors again.
func (w *world) undrain(name string) error {
	_, err := operate[api.BulkCancelRequest, api.BulkStatus](w, api.MethodBulkCancel,
		&api.BulkCancelRequest{Node: name})
	w.told("undrain "+name, err)
	return err
}

// undrainAll has all nodes take actors again, when nothing is wrong any more.
func (w *world) undrainAll() {
	for _, name := range w.staying() {
		for end := w.now() + w.answerBound(); w.undrain(name) != nil; w.sleep(w.Heartbeat) {
			if w.now() > end {
				w.violate("liveness", "node %s can't be told to take actors again", name)
				return
			}
			w.ensure(name, end) // it may have found only now that another process has had its name
		}
	}
}

// rebalance has an operator spread the actors evenly.
func (w *world) rebalance(args []string) {
	reply, err := operate[api.RebalanceRequest, api.RebalanceReply](w, api.MethodRebalance,
		&api.RebalanceRequest{By: args[0]})
	w.told("rebalance by "+args[0], err)
	if err == nil && len(reply.Moves) > 0 {
		w.counts["rebalance"]++
	}
}

// rollBound is how long a node that is restarted may take to empty itself.
const rollBound = 15 * time.Second

// roll restarts a node as a deploy does: it is emptied, stopped, and started again.
func (w *world) roll(args []string) {
	l := w.life(args[0])
	if l == nil || !l.started || w.emptying {
		return
	}
	w.emptying = true
	defer func() { w.emptying = false }()
	w.counts["roll"]++
	w.events.add(args[0], "drain", "to be restarted")
	known := w.knowsAnother(l)
	done := env.NewFuture[int](w.env)
	l.machine.Go("drain", func() {
		ctx, cancel := env.WithTimeout(l.env, w.ctx, rollBound)
		defer cancel()
		done.Complete(l.node.Drain(ctx, "a deploy"))
	})
	bound, cancel := env.WithTimeout(w.env, w.ctx, rollBound+10*time.Second)
	defer cancel()
	if left, err := done.Wait(bound); err != nil || left > 0 {
		w.events.add(args[0], "drained", "%d actors left, %v", left, err)
		if w.onlyMoves() && known && !l.stopping { // by another fault, which ends the drain with the lease
			w.violate("moves", "node %s is drained, and has %d actors left: %v", args[0], left, err)
		}
	}
	if !l.ended {
		if err := w.stop(l, 10*time.Second); err != nil {
			w.events.add(args[0], "stop failed", "%v", err)
		}
		w.kill(l, "stopped")
	}
	w.rebootAfter(args[0], duration(args[1]))
}

// knowsAnother reports whether a node must know of another one by now that can take its actors.
func (w *world) knowsAnother(l *life) bool {
	for _, other := range w.living { //kelpie:unordered any will do
		if other != l && other.started && w.now()-other.startedAt > 2*w.Heartbeat {
			return true
		}
	}
	return false
}

// moved checks that no call has failed, if nothing but moves has befallen the cluster.
func (w *world) moved() {
	if !w.onlyMoves() || slices.Contains(w.Workloads, "late") { // whose calls are meant to fail
		return
	}
	for _, op := range w.history.ops {
		if op.Outcome != OK && op.Client != readerHost && op.Actor.Namespace != slow && // whose callers are impatient
			!op.hasTooManyAlarms() {
			w.violateAt(op.To, "moves", "a call has failed, and nothing has befallen its actor but that it was "+
				"moved: %v", op)
			return
		}
	}
}

// onlyMoves reports whether nothing befalls the cluster but moves, and there is room for them.
func (c *Config) onlyMoves() bool {
	for _, f := range c.Faults {
		if !slices.Contains(moving, f) {
			return false
		}
	}
	return len(c.Faults) > 0 && !c.Hasty && c.Capacity == 0 && c.Mailbox == 0 && c.MaxCalls == 0 &&
		c.MemoryLimit == 0 && c.Nodes > 2
}
