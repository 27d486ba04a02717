// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

// NamedRules are what makes calls under keys of the caller's own choice have their effect once within the time that is
// promised. Another process repeats such a call with a birth of its own, so the floor does not know the repeat.
type NamedRules struct {
	// KeptForItsTime: the record of a named call is not dropped to make room.
	KeptForItsTime bool
	// AgeFromRun: its time counts from the version at which it ran. Its birth may have been old by then.
	AgeFromRun bool
	// FloorWithPruning: a record that is dropped after its time raises the floor above its birth, as any other.
	FloorWithPruning bool
	// FullRefuses: a new named call for which there is no room is refused, as one that may come again later.
	FullRefuses bool
}

// AllNamedRules has every rule.
func AllNamedRules() NamedRules { return NamedRules{true, true, true, true} }

// NamedBudget bounds an exploration.
type NamedBudget struct {
	// Ticks are versions of the store that others make. Kept is how many versions long a named call is known. Losses is
	// how often an answer is lost.
	Ticks, Kept, Losses uint8
}

const (
	namedKeys      = 2 // the actor has room for one of them
	namedProcesses = 2 // each calls under every key
)

type namedRecord struct {
	on        bool
	birth, at uint8
}

type namedState struct {
	version, floor uint8
	records        [namedKeys]namedRecord
	// ran is when each key has had its effect last, 0 for never.
	ran    [namedKeys]uint8
	calls  [namedKeys][namedProcesses]namedCall
	budget NamedBudget
	broken string
}

// namedCall is the call of one process under one key.
type namedCall struct {
	phase, birth uint8
	ran, lost    bool
}

const (
	brokenNamedTwice = "a named call has had its effect twice within its time"
	brokenSameCall   = "a process's own retry of a named call has had its effect again"
	brokenOverfull   = "an actor has more records than can be loaded"
)

type namedMachine struct{ rules NamedRules }

// Named returns the machine of calls under keys of the caller's own choice.
func Named(rules NamedRules, budget NamedBudget) *Machine[namedState] {
	n := namedMachine{rules}
	return &Machine[namedState]{
		Start: namedState{version: 1, budget: budget}, Next: n.next,
		Broken: func(s *namedState) string { return s.broken },
		Done: func(s *namedState) bool {
			for _, of := range s.calls {
				for _, c := range of {
					if c.phase <= open {
						return false
					}
				}
			}
			return true
		},
	}
}

func (n namedMachine) next(s namedState, out *Steps[namedState]) {
	if s.budget.Ticks > 0 {
		t := s
		t.budget.Ticks--
		t.version++
		out.Step(t, "others commit: the store is at version %d", t.version)
	}
	n.dropOld(s, out)
	for key := range uint8(namedKeys) {
		for p := range uint8(namedProcesses) {
			switch s.calls[key][p].phase {
			case unmade:
				for birth := uint8(1); birth <= s.version; birth++ {
					m := s
					m.calls[key][p] = namedCall{phase: open, birth: birth}
					out.Step(m, "process %d makes a call under key %d, born at %d", p, key, birth)
				}
			case open:
				n.arrive(s, key, p, out)
			}
		}
	}
}

// dropOld drops what has been kept for its time. The transaction is that of some other call.
func (n namedMachine) dropOld(s namedState, out *Steps[namedState]) {
	for key, r := range s.records {
		from := r.birth
		if n.rules.AgeFromRun {
			from = r.at
		}
		if r.on && from+s.budget.Kept < s.version {
			d := n.drop(s, uint8(key))
			out.Step(d, "the record of key %d is dropped after its time; the floor is %d", uint8(key), d.floor)
		}
	}
}

func (n namedMachine) drop(s namedState, key uint8) namedState {
	if n.rules.FloorWithPruning {
		s.floor = max(s.floor, s.records[key].birth+1)
	}
	s.records[key] = namedRecord{}
	return s
}

// arrive has the actor take the call of a process.
func (n namedMachine) arrive(s namedState, key, p uint8, out *Steps[namedState]) {
	c := &s.calls[key][p]
	full := s.records[1-key].on
	switch {
	case s.records[key].on:
		c.phase = answered
		out.Step(s, "the call of process %d under key %d is answered from the record", p, key)
	case c.birth < s.floor && c.lost:
		c.phase = unknown
		out.Step(s, "the call of process %d under key %d, born below the floor, ends as unknown", p, key)
	case c.birth < s.floor:
		c.birth = s.version
		out.Step(s, "the call of process %d under key %d, born below the floor, gets another birth, %d", p, key, c.birth)
	case full && !n.rules.KeptForItsTime:
		n.run(n.drop(s, 1-key), key, p, out)
	case full && n.rules.FullRefuses:
		c.phase = givenUp
		out.Step(s, "the call of process %d under key %d finds no room until its deadline", p, key)
	default:
		n.run(s, key, p, out)
	}
}

func (n namedMachine) run(s namedState, key, p uint8, out *Steps[namedState]) {
	s.version++
	c := &s.calls[key][p]
	switch {
	case c.ran:
		s.broken = brokenSameCall
	case s.ran[key] > 0 && s.ran[key]+s.budget.Kept >= s.version:
		s.broken = brokenNamedTwice
	case s.records[1-key].on:
		s.broken = brokenOverfull
	}
	c.ran, s.ran[key] = true, s.version
	s.records[key] = namedRecord{on: true, birth: c.birth, at: s.version}
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		l.calls[key][p].lost = true
		out.Fault(l, "the call of process %d under key %d runs at version %d; the answer is lost", p, key, l.version)
	}
	c.phase = answered
	out.Step(s, "the call of process %d under key %d runs at version %d", p, key, s.version)
}
