// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"slices"
)

// Counters only grow, and no two sums of a few of their amounts are the same. So their totals are the order of the
// calls, and the gaps between totals tell which of the calls that nobody knows about have run: no search is needed,
// where the one for registers would try every subset of them.

// moment is an answered call of a counter: the totals before and after it.
type moment struct {
	op            *Op
	before, after int64
}

// counterCheck judges the calls of one counter.
type counterCheck struct {
	open map[int64]*Op // adds that nobody knows about, by amount
	last int64
	from int64 // the latest beginning of a call up to here
}

// unexplained returns the first call whose answer cannot be, nil if there is none; sure is false if a gap is the sum
// of more open calls than were tried.
func unexplained(ops []*Op) (culprit *Op, sure bool) {
	c := &counterCheck{open: make(map[int64]*Op)}
	var moments []moment
	for _, op := range ops {
		switch {
		case op.Outcome == Pending && op.Method == "add":
			c.open[op.Input.(int64)] = op
		case op.Outcome != OK:
		case op.Method == "fail":
			if op.Output != applicationCode("refused") {
				return op, true
			}
		default:
			total, ok := op.Output.(int64)
			if !ok {
				return op, true
			}
			m := moment{op, total, total}
			if op.Method == "add" {
				m.before -= op.Input.(int64)
			}
			moments = append(moments, m)
		}
	}
	slices.SortFunc(moments, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.before, b.before),
			cmp.Compare(a.op.Called, b.op.Called))
	})
	for _, m := range moments {
		if found, sure := c.follows(m); !found {
			return m.op, sure
		}
	}
	return nil, true
}

// follows reports whether a call can come next.
func (c *counterCheck) follows(m moment) (found, sure bool) {
	gap := m.before - c.last
	if gap < 0 {
		return false, true
	}
	between, sure := c.sum(gap)
	if gap > 0 && between == nil {
		return false, sure
	}
	for _, op := range between {
		delete(c.open, op.Input.(int64))
		c.from = max(c.from, op.Called)
	}
	if m.op.Returned < c.from {
		return false, true // it was answered before something was asked that it shows
	}
	c.last, c.from = m.after, max(c.from, m.op.Called)
	return true, true
}

// sum returns the open calls, four at the most, whose amounts make up a gap.
func (c *counterCheck) sum(gap int64) (ops []*Op, sure bool) {
	if gap == 0 {
		return nil, true
	}
	amounts := make([]int64, 0, len(c.open))
	for a := range c.open { //kelpie:unordered sorted below
		amounts = append(amounts, a)
	}
	slices.Sort(amounts)
	if parts := partsOf(gap, amounts); parts != nil {
		for _, a := range parts {
			ops = append(ops, c.open[a])
		}
		return ops, true
	}
	return nil, len(amounts) <= 4
}

// partsOf returns up to four of the amounts, which differ and are in order, that make up a sum, nil if there are none.
func partsOf(sum int64, amounts []int64) []int64 {
	pairs := make(map[int64][2]int64)
	for i, a := range amounts {
		if a == sum {
			return []int64{a}
		}
		for _, b := range amounts[:i] {
			if a+b == sum {
				return []int64{b, a}
			}
			// Of pairs that lie wholly before it, so that nothing is taken twice.
			if p, ok := pairs[sum-a-b]; ok && p[1] < b {
				return []int64{p[0], p[1], b, a}
			}
		}
		if p, ok := pairs[sum-a]; ok {
			return []int64{p[0], p[1], a}
		}
		for _, b := range amounts[:i] {
			pairs[a+b] = [2]int64{b, a}
		}
	}
	return nil
}

// counters judges the counters.
func (w *world) counters() {
	histories := w.history.byActor()
	for _, id := range sortedActors(histories) {
		if id.Namespace != "counter" {
			continue
		}
		ops := histories[id]
		culprit, sure := unexplained(ops)
		switch {
		case culprit == nil:
		case sure:
			w.violateAt(culprit.To, "linearizable", "no order of the %d calls of %s explains their answers: %s",
				len(ops), id, culprit)
			w.picture(id, ops)
		default:
			w.undecided++
		}
	}
}
