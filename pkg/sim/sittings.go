// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"math"
	"slices"
)

// A session starts over with every activation, and every answer names the visit that its sitting began with. So
// answers tell the activations apart: those of one must be linearizable among themselves, and no two activations may
// answer in turns. A visit that was repeated may have counted in an activation that did not answer it: a copy of it
// may lie with a paused machine. But it counts once in each.

// group is the answered calls of one sitting of a session.
type group struct {
	born string
	ops  []*Op
	// firstAnswer is when the first of them was answered, lastCall when the last was made.
	firstAnswer, lastCall int64
}

// sessions judges the volatile actors.
func (w *world) sessions() {
	histories := w.history.byActor()
	for _, id := range sortedActors(histories) {
		if id.Namespace != "session" {
			continue
		}
		if op, why := unsessioned(histories[id]); op != nil {
			w.violateAt(op.To, "sessions", "%s: %s", op, why)
		}
	}
}

// unsessioned returns a call whose answer cannot be, and why; nil if there is none.
func unsessioned(ops []*Op) (*Op, string) {
	groups := sittingsOf(ops)
	for i, g := range groups {
		if op, why := g.inconsistent(ops); op != nil {
			return op, why
		}
		for _, other := range groups[:i] {
			if g.firstAnswer < other.lastCall && other.firstAnswer < g.lastCall {
				return g.ops[len(g.ops)-1],
					sprintf("two activations answered in turns, those that began with %q and %q", other.born, g.born)
			}
		}
	}
	for _, op := range ops {
		if s, ok := op.Output.(sitting); op.Outcome != OK || !ok || s.N > 0 {
			continue
		}
		for _, g := range groups {
			if g.firstAnswer < op.Called && op.Returned < g.lastCall {
				return op, sprintf("the activation that began with %q had answered before and did again", g.born)
			}
		}
	}
	return nil, ""
}

// sittingsOf groups the answers by the sitting that they show, in the order in which those were first called.
func sittingsOf(ops []*Op) []*group {
	var groups []*group
	byBirth := make(map[string]*group)
	for _, op := range ops {
		s, ok := op.Output.(sitting)
		if op.Outcome != OK || !ok || s.N == 0 {
			continue
		}
		g := byBirth[s.Born]
		if g == nil {
			g = &group{born: s.Born, firstAnswer: math.MaxInt64}
			byBirth[s.Born] = g
			groups = append(groups, g)
		}
		g.ops = append(g.ops, op)
		g.firstAnswer, g.lastCall = min(g.firstAnswer, op.Returned), max(g.lastCall, op.Called)
	}
	return groups
}

func visits(op *Op) int64 { return op.Output.(sitting).N }

// inconsistent returns an answer of the sitting that does not fit the others: the count must grow with each visit,
// never shrink, and be made up of visits.
func (g *group) inconsistent(all []*Op) (*Op, string) {
	slices.SortFunc(g.ops, func(a, b *Op) int {
		return cmp.Or(cmp.Compare(visits(a), visits(b)), cmp.Compare(a.Called, b.Called))
	})
	counted := make(map[int64]*Op)
	var made int64 // the latest that a call with a count so high was made
	for _, op := range g.ops {
		n := visits(op)
		if op.Returned < made {
			return op, "a later answer had shown less"
		}
		made = max(made, op.Called)
		if op.Method != "visit" {
			continue
		}
		if counted[n] != nil {
			return op, sprintf("visit %d of a sitting was %s too", n, counted[n])
		}
		counted[n] = op
	}
	last := g.ops[len(g.ops)-1]
	if missing := visits(last) - int64(len(counted)); missing > g.candidates(all) {
		return last, sprintf("%d visits were counted of which nobody was told, more than were made", missing)
	}
	return nil, ""
}

// candidates is how many visits may have counted in the sitting beside those that it has answered.
func (g *group) candidates(all []*Op) (n int64) {
	var last int64
	for _, op := range g.ops {
		last = max(last, op.Returned)
	}
	for _, op := range all {
		if s, ok := op.Output.(sitting); op.Method == "visit" && !(ok && s.Born == g.born) && op.Called < last {
			n++
		}
	}
	return n
}
