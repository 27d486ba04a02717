// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "slices"

// NestedRules are what makes the calls of a handler have their effect once, however often the handler runs: that of a
// call, of an alarm, or of a message.
type NestedRules struct {
	// ParentInKey: the key of a child has the actor in it whose handler makes the call.
	ParentInKey bool
	// AlarmsNumbered: an alarm that is set again, for the same time, has another number, and so have its children.
	AlarmsNumbered bool
	// BirthBound: the birth of a parent's children is stored before the first of them is asked, and all tries use it.
	BirthBound bool
	// BirthStays: a parent whose ask was refused for its birth takes no other birth, and does not let its caller do so.
	BirthStays bool
	// RepliesKept: a child's record has its reply, however large.
	RepliesKept bool
}

// AllNestedRules has every rule.
func AllNestedRules() NestedRules {
	return NestedRules{true, true, true, true, true}
}

// NestedBudget bounds an exploration.
type NestedBudget struct {
	// Deaths, Losses, Failures and Prunings are how often an owner of a parent dies or loses its claim, an answer or a
	// connection is lost, a handler fails after its child has answered, and the child's actor drops records.
	Deaths, Losses, Failures, Prunings uint8
	// Retries is how often an operator takes a dead letter back. Its children are asked under the same keys, with a new
	// birth: those whose records were dropped may have their effect again, as is documented.
	Retries uint8
	// Ticks are versions of the store that others make. Copies is how many asks are on their way at once.
	Ticks, Copies uint8
	// Named has both parents be calls to two actors under one key of the caller's choice; else they are an alarm that
	// was set twice for the same time: the second begins when the first has come to an end.
	Named bool
	// Large has the child's reply be a large one.
	Large bool
}

const (
	nestedParents  = 2
	nestedCopies   = 3
	nestedTriesMax = 2 // failures, until a parent goes to the dead letters
)

// What has become of a parent.
const (
	waiting   = iota // for its next try
	running          // its handler runs
	committed        // its own effect is stored
	dead
)

type nestedParent struct {
	phase, failures uint8
	// bound is the birth of its children as stored, 0 for none.
	bound uint8
	// Of the activation that runs it: the birth that it uses, and whether the child has answered this try.
	birth   uint8
	hasTold bool
	// retried says that an operator has taken it back.
	retried bool
	// effects is how often its child has had its effect.
	effects uint8
}

type nestedCopy struct {
	on     bool
	parent uint8
	birth  uint8
	waited bool
}

type nestedRecord struct {
	on    bool
	birth uint8
}

type nestedState struct {
	version uint8
	parents [nestedParents]nestedParent
	copies  [nestedCopies]nestedCopy
	// Of the child's actor: records by key, and the birth below which it refuses what has no record, be it by a floor
	// or by age.
	records [nestedParents]nestedRecord
	floor   uint8
	budget  NestedBudget
	broken  string
}

const (
	brokenChildTwice = "a child has had its effect twice"
	brokenChildNever = "a parent has the answer of a child that has not run"
	brokenReplyGone  = "a parent that runs again can't have the reply of its child, which is done"
)

type nestedMachine struct{ rules NestedRules }

// Nested returns the machine of calls that handlers make.
func Nested(rules NestedRules, budget NestedBudget) *Machine[nestedState] {
	n := nestedMachine{rules}
	return &Machine[nestedState]{
		Start: nestedState{version: 1, budget: budget}, Next: n.next,
		Broken: func(s *nestedState) string { return s.broken },
		Done: func(s *nestedState) bool {
			return !slices.ContainsFunc(s.parents[:], func(p nestedParent) bool { return p.phase < committed })
		},
	}
}

func (n nestedMachine) next(s nestedState, out *Steps[nestedState]) {
	for i := range uint8(nestedParents) {
		switch s.parents[i].phase {
		case waiting:
			n.begin(s, i, out)
		case running:
			n.handle(s, i, out)
			n.die(s, i, out)
		case dead:
			n.takeBack(s, i, out)
		}
	}
	for i, c := range s.copies {
		if c.on {
			n.breakOff(s, i, out)
			n.arrive(s, i, out)
		}
	}
	if s.budget.Ticks > 0 {
		t := s
		t.budget.Ticks--
		t.version++
		out.Fault(t, "others commit: the store is at version %d", t.version)
	}
	n.prune(s, out)
}

// begin starts the handler of a parent.
func (n nestedMachine) begin(s nestedState, i uint8, out *Steps[nestedState]) {
	if i > 0 && !s.budget.Named && s.parents[i-1].phase < committed {
		return
	}
	p := &s.parents[i]
	p.phase, p.hasTold = running, false
	switch {
	case p.birth != 0 && n.rules.BirthBound: // the activation has run it before
	case p.bound != 0:
		p.birth = p.bound
	default:
		p.birth = s.version
		if n.rules.BirthBound {
			p.bound = p.birth
		}
	}
	out.Step(s, "the handler of parent %d begins; its children are born at %d", i, p.birth)
}

// handle goes on with a handler that runs.
func (n nestedMachine) handle(s nestedState, i uint8, out *Steps[nestedState]) {
	p := s.parents[i]
	asks := slices.ContainsFunc(s.copies[:], func(c nestedCopy) bool { return c.on && c.waited && c.parent == i })
	switch {
	case p.hasTold:
		c := s
		c.parents[i].phase = committed
		out.Step(c, "parent %d commits", i)
		if s.budget.Failures > 0 {
			s.budget.Failures--
			out.Fault(s.failed(i), "the handler of parent %d fails after its child has answered", i)
		}
	case !asks && s.send(nestedCopy{on: true, parent: i, birth: p.birth, waited: true}):
		out.Step(s.sorted(), "parent %d asks its child, born at %d", i, p.birth)
	}
}

// failed ends an unsuccessful try. The activation stays.
func (s nestedState) failed(i uint8) nestedState {
	p := &s.parents[i]
	p.phase, p.hasTold = waiting, false
	if p.failures++; p.failures >= nestedTriesMax {
		p.phase = dead
	}
	return s
}

func (s *nestedState) send(c nestedCopy) bool {
	for i := range s.budget.Copies {
		if !s.copies[i].on {
			s.copies[i] = c
			return true
		}
	}
	return false
}

// sorted orders the copies, as their places mean nothing.
func (s nestedState) sorted() nestedState {
	slices.SortFunc(s.copies[:], func(a, b nestedCopy) int { return b.weight() - a.weight() })
	return s
}

func (c nestedCopy) weight() int {
	return bit(c.on)<<16 | int(c.parent)<<12 | int(c.birth)<<4 | bit(c.waited)
}

// die ends the activation that runs a parent. What it has asked is still on its way; and if it only has lost its claim
// and does not know it, it may still ask.
func (n nestedMachine) die(s nestedState, i uint8, out *Steps[nestedState]) {
	if s.budget.Deaths == 0 {
		return
	}
	s.budget.Deaths--
	birth := s.parents[i].birth
	p := &s.parents[i]
	p.phase, p.birth, p.hasTold = waiting, 0, false
	for j := range s.copies {
		if s.copies[j].parent == i {
			s.copies[j].waited = false
		}
	}
	out.Fault(s.sorted(), "the owner of parent %d dies", i)
	if s.send(nestedCopy{on: true, parent: i, birth: birth}) {
		const text = "the owner of parent %d loses its claim, does not know it, and asks the child, born at %d"
		out.Fault(s.sorted(), text, i, birth)
	}
}

// takeBack has an operator retry a dead letter.
func (n nestedMachine) takeBack(s nestedState, i uint8, out *Steps[nestedState]) {
	if s.budget.Retries == 0 {
		return
	}
	s.budget.Retries--
	p := &s.parents[i]
	p.phase, p.failures, p.birth, p.bound, p.retried = waiting, 0, 0, 0, true
	if !s.records[n.key(&s, i)].on {
		p.effects = 0
	}
	out.Fault(s, "an operator takes parent %d back from the dead letters", i)
}

func (n nestedMachine) breakOff(s nestedState, i int, out *Steps[nestedState]) {
	c := s.copies[i]
	if !c.waited || s.budget.Losses == 0 {
		return
	}
	s.budget.Losses--
	s.copies[i].waited = false
	s = s.failed(c.parent)
	const text = "the connection on which parent %d asks breaks; the ask (born at %d) is still on its way"
	out.Fault(s.sorted(), text, c.parent, c.birth)
}

// prune has some call to the child's actor drop the oldest records, or all.
func (n nestedMachine) prune(s nestedState, out *Steps[nestedState]) {
	if s.budget.Prunings == 0 {
		return
	}
	s.budget.Prunings--
	for _, of := range s.records {
		if !of.on {
			continue
		}
		p := s
		for i, r := range p.records {
			if r.on && r.birth <= of.birth {
				p.records[i] = nestedRecord{}
				if p.parents[i].retried {
					p.parents[i].effects = 0
				}
			}
		}
		p.floor = max(p.floor, of.birth+1)
		out.Fault(p, "the child's actor drops records up to birth %d", of.birth)
	}
}

// key is the index of the key of a parent's child.
func (n nestedMachine) key(s *nestedState, parent uint8) uint8 {
	if s.budget.Named && !n.rules.ParentInKey || !s.budget.Named && !n.rules.AlarmsNumbered {
		return 0
	}
	return parent
}

// arrive has the child's actor take an ask.
func (n nestedMachine) arrive(s nestedState, i int, out *Steps[nestedState]) {
	c := s.copies[i]
	s.copies[i] = nestedCopy{}
	r := &s.records[n.key(&s, c.parent)]
	switch {
	case r.on && s.budget.Large && !n.rules.RepliesKept:
		if c.waited {
			s.broken = brokenReplyGone
		}
		out.Step(s.sorted(), "the child of parent %d knows that it is done, but not its reply", c.parent)
	case r.on:
		n.answer(s, c, out, "the child of parent %d answers from its record")
	case c.birth < s.floor:
		n.refuse(s, c, out)
	default:
		s.version++
		*r = nestedRecord{on: true, birth: c.birth}
		if s.parents[c.parent].effects++; s.parents[c.parent].effects > 1 {
			s.broken = brokenChildTwice
		}
		n.answer(s, c, out, "the child of parent %d runs")
	}
}

func (n nestedMachine) answer(s nestedState, c nestedCopy, out *Steps[nestedState], text string) {
	if !c.waited {
		out.Step(s.sorted(), text+"; nobody waits for it", c.parent)
		return
	}
	p := &s.parents[c.parent]
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		out.Fault(l.failed(c.parent).sorted(), text+"; the answer is lost", c.parent)
	}
	if p.hasTold = true; p.effects == 0 {
		s.broken = brokenChildNever
	}
	out.Step(s.sorted(), text, c.parent)
}

// refuse refuses an ask for its birth, and the handler fails.
func (n nestedMachine) refuse(s nestedState, c nestedCopy, out *Steps[nestedState]) {
	p := &s.parents[c.parent]
	switch {
	case !c.waited:
		out.Step(s.sorted(), "the child of parent %d refuses an ask for its birth; nobody waits for it", c.parent)
	case n.rules.BirthStays:
		const text = "the child of parent %d refuses the ask for its birth, and the handler fails"
		out.Step(s.failed(c.parent).sorted(), text, c.parent)
	default:
		p.birth, p.bound = s.version, s.version
		out.Step(s.sorted(), "the child of parent %d refuses the ask for its birth; the parent binds %d", c.parent,
			p.birth)
	}
}
