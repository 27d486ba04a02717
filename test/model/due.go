// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

// DueRules are what keeps an actor that has something to do from being forgotten. The transaction of a claim makes the
// actor's entry in the list of what is due name the claim's node as its attendant.
type DueRules struct {
	// EntryReadsFence: a transaction that makes an entry name a node reads that node's fence, with conflict. For a
	// claim that is R8.
	EntryReadsFence bool
	// ReleaseTells: a release clears the attendant in the entry, and raises the counter that has scanners look.
	ReleaseTells bool
	// HandoverTells: so does a handover of what is due at once. That of what is due later makes the entry name the
	// target, and tells nobody.
	HandoverTells bool
	// BreakTells: who breaks a claim clears the attendant and tells.
	BreakTells bool
	// LateWoken: a scanner that knows the time of an entry wakes the actor then, whichever node is responsible.
	LateWoken bool
	// LookUntilAttended: a scanner that has woken somebody looks again, until the entry has an attendant or is gone.
	LookUntilAttended bool
	// WakesProve: an activation answers a wake only when the store has confirmed that it holds the claim.
	WakesProve bool
	// TimerUntilElsewhere: the timer of an activation that has ended without a release stays, until the actor is known
	// to be active elsewhere.
	TimerUntilElsewhere bool
	// UnheardClaimTimed: a node that does not know what became of its claim sets a timer.
	UnheardClaimTimed bool
	// OwnersAttend: an activation that finds an entry which does not name its node writes it again.
	OwnersAttend bool
	// FenceTells: fencing a node has scanners look.
	FenceTells bool
}

// AllDueRules has every rule.
func AllDueRules() DueRules {
	return DueRules{true, true, true, true, true, true, true, true, true, true, true}
}

// DueBudget bounds an exploration.
type DueBudget struct {
	// Sets is how often the actor gets something to do. Deaths, Restarts and Fences are how often a node dies (one at
	// least lives), comes back, and is fenced although it lives.
	Sets, Deaths, Restarts, Fences uint8
	// Handovers, Breaks and Evictions are how often the actor is handed over, its claim broken, and it is deactivated.
	Handovers, Breaks, Evictions uint8
	// Losses is how often the word of a handover is lost, a release does not reach the store, and a claim that was
	// committed is not heard of.
	Losses uint8
	// Calls is how often somebody calls the actor, by any node.
	Calls uint8
	// Later has the actor be unable to do what is due for a long time, as when the receiver of its message is down. The
	// end is then that somebody attends to it, and nobody need look at the list.
	Later bool
	// Alarm has what is due be due at a time that is still to come; else it is due at once, as a message is.
	Alarm bool
	// Grace has scanners wake what a member attends to as well. It is not a rule: it is an alternative to some.
	Grace bool
	// Scanner is the node that scans the actor's shard as long as it is a member, 0 or 1.
	Scanner uint8
}

const (
	dueNodes = 2
	nobody   = dueNodes
)

type dueNode struct {
	up bool
	// incarnation is what the process knows as its own.
	incarnation uint8
	// active and token are of its activation.
	active bool
	token  uint8
	timer  bool
	// handed is the token of a handover whose word is on its way, 0 for none.
	handed uint8
	// news says that counters have changed since its last heartbeat, look that its scanner is to read the list, and
	// seen that it knows the time of the actor's entry.
	news, look, seen bool
}

type dueState struct {
	// As stored: the fences, the claim, what the actor has to do, and its entry.
	fences                         [dueNodes]uint8
	owner, ownerIncarnation, token uint8
	due, come                      bool // come says that its time has come
	listed                         bool
	attendant                      uint8 // an incarnation, 0 for nobody
	nodes                          [dueNodes]dueNode
	incarnations                   uint8 // how many there have been
	budget                         DueBudget
}

type dueMachine struct{ rules DueRules }

// Due returns the machine of an actor that has something to do.
func Due(rules DueRules, budget DueBudget) *Machine[dueState] {
	m := dueMachine{rules}
	s := dueState{owner: 0, ownerIncarnation: 1, token: 1, incarnations: dueNodes, budget: budget}
	for n := range uint8(dueNodes) {
		s.fences[n] = n + 1
		s.nodes[n] = dueNode{up: true, incarnation: n + 1}
	}
	s.nodes[0].active, s.nodes[0].token = true, 1
	return &Machine[dueState]{
		Start: s, Next: m.next,
		Broken: func(*dueState) string { return "" },
		Done:   func(s *dueState) bool { return !s.due || budget.Later && s.restful() },
	}
}

func (m dueMachine) next(s dueState, out *Steps[dueState]) {
	for n := range uint8(dueNodes) {
		if !s.nodes[n].up {
			m.bury(s, n, out)
			continue
		}
		m.beat(s, n, out)
		m.scan(s, n, out)
		m.fire(s, n, out)
		m.install(s, n, out)
		if s.nodes[n].active {
			m.work(s, n, out)
			m.attend(s, n, out)
			m.set(s, n, out)
			m.handOver(s, n, out)
			m.evict(s, n, out)
		}
		m.harm(s, n, out)
		if s.budget.Calls > 0 {
			c := s
			c.budget.Calls--
			m.unheard(c, n, out)
			m.wake(&c, n)
			out.Fault(c, "the actor is called by node %d", n)
		}
	}
	m.takeAway(s, out)
	if s.due && !s.come {
		s.come = true
		out.Step(s, "the time has come of what is due")
	}
}

// holds reports whether a node's activation holds the claim, by the store.
func (s *dueState) holds(n uint8) bool {
	x := &s.nodes[n]
	return x.active && s.owner == n && s.token == x.token && s.ownerIncarnation == x.incarnation
}

// member reports whether the incarnation of a process is its node's, by the store.
func (s *dueState) member(n uint8) bool {
	return s.fences[n] == s.nodes[n].incarnation && s.fences[n] != 0
}

// attended reports whether the entry names a member.
func (s *dueState) attended() bool {
	for _, f := range s.fences {
		if f != 0 && f == s.attendant {
			return true
		}
	}
	return false
}

// restful reports whether the entry's attendant has the actor, or a timer for it, and no scanner has to look.
func (s *dueState) restful() bool {
	for n, x := range s.nodes {
		if x.up && s.fences[n] != 0 && s.attendant == s.fences[n] && (s.holds(uint8(n)) || x.timer) {
			return !s.nodes[s.scanner()].news && !s.nodes[s.scanner()].look
		}
	}
	return false
}

// tell raises the counter that has scanners look.
func (s *dueState) tell() {
	for n := range s.nodes {
		s.nodes[n].news = s.nodes[n].up
	}
}

// unattend clears the attendant, and has scanners look, if a rule says so.
func (s *dueState) unattend(rule bool) {
	if rule && s.listed {
		s.attendant = 0
		s.tell()
	}
}

// set has the activation commit something to do, with an entry.
func (m dueMachine) set(s dueState, n uint8, out *Steps[dueState]) {
	if s.budget.Sets == 0 || s.due || !s.holds(n) || m.rules.EntryReadsFence && !s.member(n) {
		return
	}
	s.budget.Sets--
	s.due, s.listed, s.attendant, s.nodes[n].timer = true, true, s.nodes[n].incarnation, true
	s.come = !s.budget.Alarm
	out.Fault(s, "node %d commits that the actor has something to do, and that it attends to it", n)
}

// work has the activation do what is due.
func (m dueMachine) work(s dueState, n uint8, out *Steps[dueState]) {
	switch {
	case !s.budget.Later && !s.holds(n):
		s.nodes[n].active = false
		out.Step(s, "node %d finds that it has lost the claim, and drops the actor", n)
	case s.due && s.come && !s.budget.Later:
		s.due, s.come, s.listed, s.attendant, s.nodes[n].timer = false, false, false, 0, false
		out.Step(s, "node %d does what is due", n)
	}
}

// attend has the activation write its node into the entry.
func (m dueMachine) attend(s dueState, n uint8, out *Steps[dueState]) {
	if !m.rules.OwnersAttend || !s.listed || s.attendant == s.nodes[n].incarnation {
		return
	}
	if !s.holds(n) || m.rules.EntryReadsFence && !s.member(n) {
		return
	}
	s.attendant = s.nodes[n].incarnation
	out.Step(s, "node %d commits that it attends to the actor", n)
}

// beat is a heartbeat: it tells a node what has changed, and whether it was fenced.
func (m dueMachine) beat(s dueState, n uint8, out *Steps[dueState]) {
	x := &s.nodes[n]
	if !s.member(n) {
		s.incarnations++
		s.fences[n], x.incarnation = s.incarnations, s.incarnations
		x.active, x.handed = false, 0
		s.tell()
		out.Step(s, "node %d finds that it was fenced, drops the actor, and joins again as incarnation %d", n,
			x.incarnation)
		return
	}
	if x.news {
		x.news, x.look = false, x.look || n == s.scanner()
		out.Step(s, "a heartbeat tells node %d to look at those shards of the list that are its own", n)
	}
}

// scanner is the node that has the actor's shard.
func (s *dueState) scanner() uint8 {
	if n := s.budget.Scanner; s.fences[n] != 0 {
		return n
	}
	return 1 - s.budget.Scanner
}

// scan has a node look at the list: because it was told to, or because a time has come that it knows.
func (m dueMachine) scan(s dueState, n uint8, out *Steps[dueState]) {
	x := &s.nodes[n]
	if !x.look && !(x.seen && s.come) || !s.member(n) {
		return
	}
	x.look, x.seen = false, false
	switch {
	case !s.listed:
		out.Step(s, "node %d looks at the list, and finds nothing", n)
	case !s.come:
		x.seen = m.rules.LateWoken || !s.attended()
		out.Step(s, "node %d looks at the list, and finds what is due later", n)
	case s.attended() && !s.budget.Grace && !(s.budget.Alarm && m.rules.LateWoken):
		out.Step(s, "node %d looks at the list, and finds nothing that nobody attends to", n)
	default:
		before := s
		before.nodes[n].look = true
		m.unheard(before, n, out)
		if ok := m.wake(&s, n); !ok || m.rules.LookUntilAttended {
			s.nodes[n].look = true
		}
		out.Step(s, "node %d looks at the list, and wakes the actor", n)
	}
}

// fire is the timer of a node.
func (m dueMachine) fire(s dueState, n uint8, out *Steps[dueState]) {
	if !s.nodes[n].timer || s.due && !s.come {
		return
	}
	m.unheard(s, n, out)
	if m.wake(&s, n) && !s.nodes[n].active {
		s.nodes[n].timer = false
	}
	out.Step(s, "the timer of node %d wakes the actor", n)
}

// unheard has a node wake the actor, and the node that claims it for that not hear that its claim was committed.
func (m dueMachine) unheard(s dueState, n uint8, out *Steps[dueState]) {
	token := s.token
	w := s
	if m.wake(&w, n); w.token == token || s.budget.Losses == 0 {
		return
	}
	w.budget.Losses--
	at := &w.nodes[w.owner]
	at.active, at.timer = false, s.nodes[w.owner].timer || m.rules.UnheardClaimTimed
	out.Fault(w, "node %d wakes the actor; node %d claims it, and does not hear that the claim was committed", n,
		w.owner)
}

// wake has the actor woken by a node, and reports whether that succeeded. Who is believed to have it is asked first.
func (m dueMachine) wake(s *dueState, n uint8) bool {
	for _, at := range []uint8{n, 1 - n} {
		x := &s.nodes[at]
		if !x.active || !x.up {
			continue
		}
		if s.holds(at) || !m.rules.WakesProve {
			return true
		}
		x.active = false
	}
	o := s.owner
	if o != nobody && s.ownerIncarnation == s.fences[o] {
		if !s.nodes[o].up {
			return false
		}
		m.claim(s, o) // it finds itself in the claim
		return true
	}
	if m.rules.EntryReadsFence && !s.member(n) {
		return false
	}
	m.claim(s, n)
	return true
}

// claim has a node claim the actor, and attend to it.
func (m dueMachine) claim(s *dueState, n uint8) {
	s.token++
	x := &s.nodes[n]
	s.owner, s.ownerIncarnation = n, x.incarnation
	x.active, x.token, x.timer = true, s.token, s.due
	if s.listed {
		s.attendant = x.incarnation
	}
}

// handOver moves the actor to the other node.
func (m dueMachine) handOver(s dueState, n uint8, out *Steps[dueState]) {
	to := 1 - n
	if s.budget.Handovers == 0 || !s.holds(n) || !s.member(n) || !s.member(to) || !s.nodes[to].up {
		return
	}
	s.budget.Handovers--
	s.token++
	s.owner, s.ownerIncarnation = to, s.nodes[to].incarnation
	s.nodes[n].active = false
	s.nodes[n].timer = s.nodes[n].timer && m.rules.TimerUntilElsewhere
	if s.listed && s.budget.Alarm {
		s.attendant = s.ownerIncarnation
	} else {
		s.unattend(m.rules.HandoverTells)
	}
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		out.Fault(l, "node %d hands the actor over to node %d; the word of it is lost", n, to)
	}
	s.nodes[to].handed = s.token
	out.Fault(s, "node %d hands the actor over to node %d", n, to)
}

// install has a node take an actor that was handed over.
func (m dueMachine) install(s dueState, n uint8, out *Steps[dueState]) {
	x := &s.nodes[n]
	if x.handed == 0 {
		return
	}
	token := x.handed
	x.handed = 0
	if s.owner == n && s.token == token && s.ownerIncarnation == x.incarnation && s.member(n) {
		x.active, x.token, x.timer = true, token, s.due
		out.Step(s, "node %d installs what was handed over", n)
		return
	}
	out.Step(s, "node %d hears of a handover that is over", n)
}

// evict deactivates the actor, and gives its claim up.
func (m dueMachine) evict(s dueState, n uint8, out *Steps[dueState]) {
	if s.budget.Evictions == 0 {
		return
	}
	s.budget.Evictions--
	held := s.holds(n)
	x := &s.nodes[n]
	x.active = false
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		l.nodes[n].timer = x.timer && m.rules.TimerUntilElsewhere
		out.Fault(l, "node %d deactivates the actor; the release does not reach the store", n)
	}
	x.timer = false
	if !held {
		out.Fault(s, "node %d deactivates the actor; its claim is gone already", n)
		return
	}
	s.owner, s.ownerIncarnation = nobody, 0
	s.unattend(m.rules.ReleaseTells)
	out.Fault(s, "node %d deactivates the actor, and releases it", n)
}

// takeAway is an operator who breaks the claim.
func (m dueMachine) takeAway(s dueState, out *Steps[dueState]) {
	if s.budget.Breaks == 0 || s.owner == nobody {
		return
	}
	s.budget.Breaks--
	s.owner, s.ownerIncarnation = nobody, 0
	s.token++
	s.unattend(m.rules.BreakTells)
	out.Fault(s, "an operator breaks the claim")
}

// harm has a node die, or be fenced while it lives.
func (m dueMachine) harm(s dueState, n uint8, out *Steps[dueState]) {
	if s.budget.Deaths > 0 && s.nodes[1-n].up {
		d := s
		d.budget.Deaths--
		d.nodes[n] = dueNode{incarnation: s.nodes[n].incarnation}
		out.Fault(d, "node %d dies", n)
	}
	if s.budget.Fences > 0 && s.member(n) {
		s.budget.Fences--
		m.fence(&s, n)
		out.Fault(s, "node %d is fenced, and does not know it", n)
	}
}

func (m dueMachine) fence(s *dueState, n uint8) {
	s.fences[n] = 0
	if m.rules.FenceTells {
		s.tell()
	}
}

// bury has a dead node be fenced by the others, or come back.
func (m dueMachine) bury(s dueState, n uint8, out *Steps[dueState]) {
	if s.budget.Restarts > 0 {
		r := s
		r.budget.Restarts--
		r.incarnations++
		r.fences[n] = r.incarnations
		r.nodes[n] = dueNode{up: true, incarnation: r.incarnations, look: true}
		r.tell()
		out.Fault(r, "node %d starts again as incarnation %d", n, r.incarnations)
	}
	if s.fences[n] != 0 {
		m.fence(&s, n)
		out.Step(s, "node %d, which is dead, is fenced", n)
	}
}
