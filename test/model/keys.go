// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "slices"

// KeysRules are what makes a call that is repeated under its key have its effect once.
type KeysRules struct {
	// RecordWithEffect: the record of a call is stored in the transaction of its effect.
	RecordWithEffect bool
	// FloorWithPruning: the floor is raised in the transaction that drops records, above the births of those.
	FloorWithPruning bool
	// FloorRefuses: what was born below the floor and has no record does not run.
	FloorRefuses bool
	// AnsweredRefuses: what its client has acknowledged, as its newest record tells, does not run.
	AnsweredRefuses bool
	// AheadRefused: what is born ahead of the store does not run.
	AheadRefused bool
	// DoubtEnds: a client sends a call that was refused for its birth again under another birth only if no answer to
	// it was lost before.
	DoubtEnds bool
	// DoubtTravels: a node that has forwarded a call, lost the answer and forwarded it again does not pass on that it
	// was refused for its birth, as if it had never run.
	DoubtTravels bool
	// RefusalBringsBirth: the refusal says a version of the store, which the client takes although it may know a
	// newer one.
	RefusalBringsBirth bool
	// DestroyRecorded: a destroying call leaves a record as any other.
	DestroyRecorded bool
	// DestroyKeepsRecords: destroying keeps the records of the other calls.
	DestroyKeepsRecords bool
	// DestroyKeepsFloor: destroying keeps the floor.
	DestroyKeepsFloor bool
	// MovesCarryRecords: records and floor of an actor that is not stored move with it.
	MovesCarryRecords bool
}

// AllKeysRules has every rule.
func AllKeysRules() KeysRules {
	return KeysRules{true, true, true, true, true, true, true, true, true, true, true, true}
}

// KeysBudget bounds an exploration.
type KeysBudget struct {
	// Prunings, Losses, Forwards and GiveUps are how often records are dropped, an answer or a connection is lost, a
	// node forwards a call a second time, and a client wants a call no more. Ticks are versions of the store that
	// others make.
	Prunings, Losses, Forwards, GiveUps, Ticks uint8
	// Copies is how many copies of calls are on their way at once.
	Copies uint8
	// Destroys makes the first client's second call one that destroys the actor.
	Destroys bool
	// Moves is how often the actor moves, and Crashes how often it is lost; it is a volatile one then.
	Moves, Crashes uint8
	// Ahead has the first client begin with a version that the store has not reached, as after a restore.
	Ahead bool
}

const (
	keysCalls  = 3 // two of the first client, with counters 1 and 2, and one of a second client
	keysCopies = 4
	aheadBy    = 8
)

// What has become of a call.
const (
	unmade = iota
	open
	answered
	unknown
	givenUp
)

type keysCall struct {
	phase, birth uint8
	// settled is below which counter its client has all answers.
	settled uint8
	// lost says that the answer of some try may have said that it ran.
	lost bool
	// runs is how often it has had its effect.
	runs uint8
}

// keysCopy is a request on its way: to the actor, or to the node that forwards it.
type keysCopy struct {
	on     bool
	call   uint8
	birth  uint8
	waited bool // by the client; otherwise it is one that everybody has given up
	doubt  bool // the node that forwards it has lost the answer to another copy
}

type keysRecord struct {
	on             bool
	birth, settled uint8
}

type keysState struct {
	version uint8
	calls   [keysCalls]keysCall
	copies  [keysCopies]keysCopy
	records [keysCalls]keysRecord
	floor   uint8
	learned [2]uint8 // by client: the newest version it knows
	budget  KeysBudget
	broken  uint8
}

// What a state of keys, nested calls or sends has broken.
const (
	ranTwice = iota + 1
	answeredWithoutRun
	refusedForNothing
)

var keysBroken = [...]string{
	"", "a call has had its effect twice", "a call was answered that has not run",
	"a call of which no answer was lost, and that has not run, was refused for good",
}

// Keys returns the machine of calls under keys.
func Keys(rules KeysRules, budget KeysBudget) *Machine[keysState] {
	start := keysState{version: 2, budget: budget}
	if budget.Ahead {
		start.learned[0] = start.version + aheadBy
	}
	k := keysMachine{rules}
	return &Machine[keysState]{
		Start: start, Next: k.next,
		Broken: func(s *keysState) string { return keysBroken[s.broken] },
		Done: func(s *keysState) bool {
			return !slices.ContainsFunc(s.calls[:], func(c keysCall) bool { return c.phase <= open })
		},
	}
}

type keysMachine struct{ rules KeysRules }

func clientOf(call uint8) uint8  { return call / 2 }
func counterOf(call uint8) uint8 { return call%2 + 1 }

func (k keysMachine) next(s keysState, out *Steps[keysState]) {
	for i := range uint8(keysCalls) {
		switch s.calls[i].phase {
		case unmade:
			k.makeCall(s, i, out)
		case open:
			k.sendCall(s, i, out)
		}
	}
	for i, c := range s.copies {
		if c.on {
			k.harm(s, i, out)
			k.arrive(s, i, out)
		}
	}
	k.disturb(s, out)
}

// makeCall gives a call its birth: the newest version that its client knows, or one that it is given by a node, which
// may be behind. A client makes its calls in order.
func (k keysMachine) makeCall(s keysState, i uint8, out *Steps[keysState]) {
	if counterOf(i) > 1 && s.calls[i-1].phase == unmade {
		return
	}
	learned := &s.learned[clientOf(i)]
	from := *learned
	for told := uint8(1); told <= s.version; told++ {
		if from >= told && told > 1 {
			continue // the client knows better
		}
		*learned = max(from, told)
		c := keysCall{phase: open, birth: *learned, settled: 1}
		if counterOf(i) > 1 && s.calls[i-1].phase > open {
			c.settled = 2
		}
		s.calls[i] = c
		out.Step(s, "call %d is made, born at %d; its client has all answers below counter %d", i, c.birth, c.settled)
	}
}

func (k keysMachine) sendCall(s keysState, i uint8, out *Steps[keysState]) {
	if s.budget.GiveUps > 0 {
		g := s
		g.budget.GiveUps--
		g.calls[i].phase = givenUp
		for j := range g.copies {
			if g.copies[j].on && g.copies[j].call == i {
				g.copies[j].waited, g.copies[j].doubt = false, false
			}
		}
		out.Fault(g.sorted(), "the client of call %d no longer wants its answer", i)
	}
	if slices.ContainsFunc(s.copies[:], func(c keysCopy) bool { return c.on && c.waited && c.call == i }) {
		return
	}
	if s.send(keysCopy{on: true, call: i, birth: s.calls[i].birth, waited: true}) {
		out.Step(s.sorted(), "call %d is sent, born at %d", i, s.calls[i].birth)
	}
}

// send adds a copy if there is room for one more.
func (s *keysState) send(c keysCopy) bool {
	for i := range s.budget.Copies {
		if !s.copies[i].on {
			s.copies[i] = c
			return true
		}
	}
	return false
}

// sorted orders the copies, as their places mean nothing.
func (s keysState) sorted() keysState {
	slices.SortFunc(s.copies[:], func(a, b keysCopy) int { return b.weight() - a.weight() })
	return s
}

func (c keysCopy) weight() int {
	return bit(c.on)<<16 | int(c.call)<<12 | int(c.birth)<<4 | bit(c.waited)<<1 | bit(c.doubt)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// harm has a copy lose who waits for it.
func (k keysMachine) harm(s keysState, i int, out *Steps[keysState]) {
	c := s.copies[i]
	if !c.waited {
		return
	}
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		l.copies[i].waited, l.copies[i].doubt = false, false
		l.calls[c.call].lost = true
		out.Fault(l.sorted(), "the connection of call %d breaks; the request (born at %d) is on its way", c.call,
			c.birth)
	}
	if s.budget.Forwards > 0 {
		f := s
		f.budget.Forwards--
		f.copies[i].doubt = true
		if f.send(keysCopy{on: true, call: c.call, birth: c.birth}) {
			const text = "a node forwards call %d, loses the connection, and forwards it again (born at %d)"
			out.Fault(f.sorted(), text, c.call, c.birth)
		}
	}
}

// disturb is what happens by itself.
func (k keysMachine) disturb(s keysState, out *Steps[keysState]) {
	if s.budget.Ticks > 0 {
		t := s
		t.budget.Ticks--
		t.version++
		out.Fault(t, "others commit: the store is at version %d", t.version)
	}
	if s.budget.Moves > 0 {
		m := s
		m.budget.Moves--
		if !k.rules.MovesCarryRecords {
			m.records, m.floor = [keysCalls]keysRecord{}, 0
		}
		out.Fault(m, "the volatile actor moves to another node")
	}
	if s.budget.Crashes > 0 {
		c := s
		c.budget.Crashes--
		c.records, c.floor = [keysCalls]keysRecord{}, 0
		for i := range c.calls {
			c.calls[i].runs = 0
		}
		out.Fault(c, "the node of the volatile actor dies, and with it all that the actor was")
	}
}

// What the actor says to a request.
const (
	says       = iota // the answer, from a run or a record
	forgot            // its client has acknowledged it: finally unknown
	wrongBirth        // not run, for its birth
)

// arrive has the actor's owner take a copy.
func (k keysMachine) arrive(s keysState, i int, out *Steps[keysState]) {
	c := s.copies[i]
	s.copies[i] = keysCopy{}
	switch {
	case s.records[c.call].on:
		k.answer(s, c, says, out, "call %d arrives and is answered from its record")
	case k.rules.AnsweredRefuses && s.settled(c.call):
		k.answer(s, c, forgot, out, "call %d arrives and is refused: its client has had the answer")
	case k.rules.FloorRefuses && c.birth < s.floor:
		k.answer(s, c, wrongBirth, out, "call %d arrives and is refused: it is born below the floor")
	case k.rules.AheadRefused && c.birth > s.version:
		k.answer(s, c, wrongBirth, out, "call %d arrives and is refused: it is born ahead of the store")
	default:
		k.run(s, c, out)
	}
}

// settled reports whether a record of the call's client says that nobody repeats the call.
func (s *keysState) settled(call uint8) bool {
	for i, r := range s.records {
		if r.on && clientOf(uint8(i)) == clientOf(call) && counterOf(call) < r.settled {
			return true
		}
	}
	return false
}

// run runs a call: its effect and its record are one transaction, with the pruning of others.
func (k keysMachine) run(s keysState, c keysCopy, out *Steps[keysState]) {
	s.version++
	call := &s.calls[c.call]
	if call.runs++; call.runs > 1 {
		s.broken = ranTwice
	}
	text := "call %d arrives and runs"
	if s.budget.Destroys && c.call == 1 {
		text = "call %d arrives and destroys the actor"
		s = k.destroy(s)
	}
	for i, r := range s.records { // what the client has acknowledged
		if r.on && clientOf(uint8(i)) == clientOf(c.call) && counterOf(uint8(i)) < call.settled {
			s.records[i] = keysRecord{}
		}
	}
	if !k.rules.RecordWithEffect && s.budget.Losses > 0 {
		k.lose(s, c, out, "call %d arrives and runs; the owner dies before it stores the record")
	}
	if k.rules.DestroyRecorded || !s.budget.Destroys || c.call != 1 {
		s.records[c.call] = keysRecord{on: true, birth: c.birth, settled: call.settled}
	}
	k.answer(s, c, says, out, text)
	k.prune(s, c, out)
}

func (k keysMachine) destroy(s keysState) keysState {
	if !k.rules.DestroyKeepsRecords {
		s.records = [keysCalls]keysRecord{}
	}
	if !k.rules.DestroyKeepsFloor {
		s.floor = 0
	}
	return s
}

// prune has the transaction drop all records below some birth, but its own.
func (k keysMachine) prune(s keysState, c keysCopy, out *Steps[keysState]) {
	if s.budget.Prunings == 0 {
		return
	}
	s.budget.Prunings--
	top := uint8(0) // the youngest birth that is left after a round
	for {
		p, oldest := s, uint8(0)
		for i, r := range s.records {
			if r.on && uint8(i) != c.call && r.birth > top && (oldest == 0 || r.birth < oldest) {
				oldest = r.birth
			}
		}
		if oldest == 0 {
			return
		}
		top = oldest
		for i, r := range p.records {
			if r.on && uint8(i) != c.call && r.birth <= top {
				p.records[i] = keysRecord{}
			}
		}
		if k.rules.FloorWithPruning {
			p.floor = max(p.floor, top+1)
		}
		k.answer(p, c, says, out, "call %d arrives and runs; records are dropped up to birth "+digit(top))
	}
}

func digit(n uint8) string {
	const most = 99
	n = min(n, most)
	if n < 10 {
		return string('0' + rune(n))
	}
	return string('0'+rune(n/10)) + string('0'+rune(n%10))
}

// answer has the answer to a copy reach who waits for it, or get lost.
func (k keysMachine) answer(s keysState, c keysCopy, what int, out *Steps[keysState], text string) {
	if !c.waited {
		out.Step(s.sorted(), text+"; nobody waits for it", c.call)
		return
	}
	if s.budget.Losses > 0 {
		k.lose(s, c, out, text+"; the answer is lost")
	}
	k.hear(&s, c, what)
	out.Step(s.sorted(), text+"; its client hears it", c.call)
}

func (k keysMachine) lose(s keysState, c keysCopy, out *Steps[keysState], text string) {
	s.budget.Losses--
	if c.waited {
		s.calls[c.call].lost = true
	}
	out.Fault(s.sorted(), text, c.call)
}

// hear has the client take an answer.
func (k keysMachine) hear(s *keysState, c keysCopy, what int) {
	call := &s.calls[c.call]
	learned := &s.learned[clientOf(c.call)]
	switch {
	case what == says:
		call.phase = answered
		*learned = max(*learned, s.version)
		if call.runs == 0 && s.broken == 0 {
			s.broken = answeredWithoutRun
		}
	case what == forgot, k.rules.DoubtEnds && call.lost, k.rules.DoubtTravels && c.doubt:
		call.phase = unknown
		if call.runs == 0 && !call.lost && !c.doubt {
			s.broken = refusedForNothing
		}
	case k.rules.RefusalBringsBirth:
		call.birth, *learned = s.version, s.version
	}
}
