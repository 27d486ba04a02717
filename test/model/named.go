// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

// NamedRules are what makes calls under keys of the caller's own choice have their effect once within the time that is
// promised, and each try of a process once for good. Another process repeats such a call with a birth of its own, so no
// floor would know the repeat. What handlers of alarms and messages ask of others has such keys, too.
type NamedRules struct {
	// KeptForItsTime: the record of a named call is not dropped to make room.
	KeptForItsTime bool
	// AgeFromRun: its time counts from the version at which it ran. Its birth may have been old by then.
	AgeFromRun bool
	// AgeFromBirth: its time does not count from before its birth, which may be ahead of what the owner knows.
	AgeFromBirth bool
	// OldRefused: what was born longer ago than records are kept, and has no record, does not run.
	OldRefused bool
	// FullRefuses: a new named call for which there is no room is refused, as one that may come again later.
	FullRefuses bool
}

// AllNamedRules has every rule.
func AllNamedRules() NamedRules { return NamedRules{true, true, true, true, true} }

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
	on bool
	at uint8 // from when its time counts
}

type namedState struct {
	// version is the store's, knows the one that the actor's owner knows.
	version, knows uint8
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
		Start: namedState{version: 1, knows: 1, budget: budget}, Next: n.next,
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
	if s.knows < s.version {
		k := s
		k.knows = s.version
		out.Step(k, "the actor's owner learns of version %d", k.knows)
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
		if r.on && r.at+s.budget.Kept < s.knows {
			d := s
			d.records[key] = namedRecord{}
			out.Step(d, "the record of key %d is dropped after its time, at version %d", uint8(key), s.knows)
		}
	}
}

// arrive has the actor take the call of a process.
func (n namedMachine) arrive(s namedState, key, p uint8, out *Steps[namedState]) {
	c := &s.calls[key][p]
	full := s.records[1-key].on
	switch {
	case s.records[key].on:
		c.phase = answered
		out.Step(s, "the call of process %d under key %d is answered from the record", p, key)
	case n.rules.OldRefused && c.birth+s.budget.Kept < s.knows && c.lost:
		c.phase = unknown
		out.Step(s, "the call of process %d under key %d, born too long ago, ends as unknown", p, key)
	case n.rules.OldRefused && c.birth+s.budget.Kept < s.knows:
		c.birth = s.knows
		out.Step(s, "the call of process %d under key %d, born too long ago, gets another birth, %d", p, key, c.birth)
	case full && !n.rules.KeptForItsTime:
		s.records[1-key] = namedRecord{}
		n.run(s, key, p, out)
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
	case s.ran[key] > 0 && s.ran[key]+s.budget.Kept >= s.knows:
		s.broken = brokenNamedTwice
	case s.records[1-key].on:
		s.broken = brokenOverfull
	}
	c.ran, s.ran[key] = true, s.knows
	s.records[key] = namedRecord{on: true, at: n.from(&s, c.birth)}
	s.knows = s.version
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		l.calls[key][p].lost = true
		out.Fault(l, "the call of process %d under key %d runs at version %d; the answer is lost", p, key, l.version)
	}
	c.phase = answered
	out.Step(s, "the call of process %d under key %d runs at version %d", p, key, s.version)
}

// from is from when the time of a record counts, of a call that runs now.
func (n namedMachine) from(s *namedState, birth uint8) uint8 {
	switch {
	case !n.rules.AgeFromRun:
		return birth
	case n.rules.AgeFromBirth:
		return max(s.knows, birth)
	}
	return s.knows
}
