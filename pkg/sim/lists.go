// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"slices"
)

// lists checks the lists: their last content is an order of all appends, so every other answer can be compared with it
// alone.
func (w *world) lists() {
	histories := w.history.byActor()
	for _, id := range sortedActors(histories) {
		if id.Namespace != "list" {
			continue
		}
		ops := histories[id]
		i := lastRead(ops)
		if i < 0 {
			continue // the liveness checker has told why
		}
		l := &listCheck{world: w, final: ops[i].Output.([]string), at: make(map[string]int64)}
		l.check(ops)
	}
}

func lastRead(ops []*Op) int {
	for i, op := range slices.Backward(ops) {
		if op.Client == readerHost && op.Outcome == OK {
			return i
		}
	}
	return -1
}

type listCheck struct {
	*world
	final []string
	at    map[string]int64 // length of the list after an item
}

func (l *listCheck) check(ops []*Op) {
	for i, item := range l.final {
		if l.at[item] != 0 {
			l.violate("lists", "%s holds %s twice, at %d and %d", ops[0].Actor, item, l.at[item], i+1)
			return
		}
		l.at[item] = int64(i + 1)
	}
	answered := slices.DeleteFunc(slices.Clone(ops), func(op *Op) bool { return op.Outcome != OK })
	for _, op := range answered {
		if !l.fits(op) {
			return
		}
	}
	l.ordered(answered)
}

// fits compares one answer with the last content.
func (l *listCheck) fits(op *Op) bool {
	switch out := op.Output.(type) {
	case int64:
		if item := op.Input.(string); l.at[item] == 0 {
			l.violateAt(op.To, "lists", "%s was acknowledged to %s and is lost", item, op.Client)
			return false
		} else if l.at[item] != out {
			l.violateAt(op.To, "lists", "%s was appended as number %d of %s, and is number %d at the end", item, out,
				op.Actor, l.at[item])
			return false
		}
	case []string:
		if len(out) > len(l.final) || !slices.Equal(out, l.final[:len(out)]) {
			l.violateAt(op.To, "lists", "%s saw %d items of %s that are not the first of the %d at the end", op.Client,
				len(out), op.Actor, len(l.final))
			return false
		}
	}
	return true
}

// ordered checks that no answer shows less than one that was there before the call was made.
func (l *listCheck) ordered(ops []*Op) {
	byReturn := slices.Clone(ops)
	slices.SortFunc(byReturn, func(a, b *Op) int { return cmp.Compare(a.Returned, b.Returned) })
	var seen int64 // the longest that was known
	next := 0
	for _, op := range ops {
		for next < len(byReturn) && byReturn[next].Returned < op.Called {
			seen = max(seen, length64(byReturn[next]))
			next++
		}
		if n := length64(op); n < seen || n == seen && op.Method == "append" {
			l.violateAt(op.To, "lists", "%s was told of %d items of %s by %s, after somebody had been told of %d",
				op.Client, n, op.Actor, op.Method, seen)
			return
		}
	}
}

func length64(op *Op) int64 {
	if items, ok := op.Output.([]string); ok {
		return int64(len(items))
	}
	n, _ := op.Output.(int64)
	return n
}
