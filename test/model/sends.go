// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "slices"

// SendsRules are what makes a message that one actor sends to another have its effect once, in order.
type SendsRules struct {
	// NumbersFromCommits: a message's number is that of the sender's commit, which grows for ever.
	NumbersFromCommits bool
	// DestroyKeepsNumbers: destroying the sender does not restart its numbers.
	DestroyKeepsNumbers bool
	// RestoreRaisesNumbers: after a restore the sender's next number is above all that the receiver may have seen.
	RestoreRaisesNumbers bool
	// RestoreKeepsOutbox: messages that were restored keep the numbers that they had.
	RestoreKeepsOutbox bool
	// MarkWithEffect: the receiver's mark for the sender is stored in the transaction of the effect.
	MarkWithEffect bool
	// MovesCarryMarks: the marks of a receiver that is not stored move with it, all of them.
	MovesCarryMarks bool
	// OneAtATime: a message is sent when the one before it, to the same receiver, has come to its end.
	OneAtATime bool
	// ReceiverAgrees: a message goes to the dead letters only when the receiver has stored that it is given up.
	ReceiverAgrees bool
	// LetterBeforeNext: what waits behind a message that was given up is sent when the dead letter is stored.
	LetterBeforeNext bool
	// RetryRemovesLetter: the transaction that sends a dead letter again removes the letter.
	RetryRemovesLetter bool
	// ResultsOutlive: what has become of a message is kept for the sender's next activation when the one that sent it
	// is gone.
	ResultsOutlive bool
	// DropBeforeNext: what waits behind a message that an operator drops is sent when the drop is committed.
	DropBeforeNext bool
}

// AllSendsRules has every rule.
func AllSendsRules() SendsRules {
	return SendsRules{true, true, true, true, true, true, true, true, true, true, true, true}
}

// SendsBudget bounds an exploration.
type SendsBudget struct {
	// Losses, Failures and Ends are how often an answer or a connection is lost, the receiver's handler fails, and an
	// activation of the sender ends while messages are on their way: its node dies, or goes on without knowing that it
	// has lost the claim.
	Losses, Failures, Ends uint8
	// Retries is how often an operator takes a dead letter back, Drops how often one drops a message, Destroys how
	// often the sender is destroyed.
	Retries, Drops, Destroys uint8
	// Moves is how often the receiver moves, which is a volatile actor then.
	Moves uint8
	// Copies is how many copies of messages are on their way at once.
	Copies uint8
	// Restores has both actors be restored once, from backups of which the sender's is the older one.
	Restores bool
	// Pressure has the sender be evicted for room whenever it has sent something, before the answer is back.
	Pressure bool
}

const (
	sendsMessages = 2
	sendsCopies   = 3
	sendsTriesMax = 2  // failures, until a message is given up
	raisedTo      = 20 // a number above all that the model reaches
)

// Where a message is.
const (
	unsent = iota
	outbox
	letter
	gone    // done, as the sender has stored
	dropped // with a sender that was destroyed, or by an operator
)

type sendsMessage struct {
	phase, number, effects uint8
}

// What a courier knows of a message in its line.
const (
	noLine = iota
	toSend
	isDone
	isGivenUp
)

// sendsCourier delivers the messages of an activation.
type sendsCourier struct {
	on       bool
	line     [sendsMessages]uint8
	numbers  [sendsMessages]uint8
	attempts uint8 // of the first in the line
}

type sendsCopy struct {
	on, last        bool
	message, number uint8
	// by is the courier that waits for the answer: noCourier for none.
	by uint8
}

// The couriers: that of the present activation, and one of a former activation that goes on.
const (
	present = iota
	former
	couriers
	noCourier = couriers
)

// sendsBackup is what a backup has of both actors.
type sendsBackup struct {
	hasSender, hasReceiver bool
	next                   uint8
	messages               [sendsMessages]sendsMessage
	mark                   uint8
	failed                 bool
	effects                [sendsMessages]uint8
}

type sendsState struct {
	// Of the sender, as stored: the number of its last commit, and its messages.
	commits  uint8
	messages [sendsMessages]sendsMessage
	couriers [couriers]sendsCourier
	// kept are results that the sender's node keeps for the next activation.
	kept   [sendsMessages]uint8
	copies [sendsCopies]sendsCopy
	// Of the receiver, as stored: the highest number that has come to its end, and whether that was given up.
	mark   uint8
	failed bool
	backup sendsBackup
	budget SendsBudget
	broken string
}

const (
	brokenMessageTwice = "a message has had its effect twice"
	brokenMessageLost  = "a message is done for its sender and has had no effect"
	brokenOrder        = "a message has overtaken an earlier one"
)

type sendsMachine struct{ rules SendsRules }

// Sends returns the machine of messages from one actor to another.
func Sends(rules SendsRules, budget SendsBudget) *Machine[sendsState] {
	m := sendsMachine{rules}
	return &Machine[sendsState]{
		Start: sendsState{budget: budget}, Next: m.next,
		Broken: func(s *sendsState) string { return s.broken },
		Done: func(s *sendsState) bool {
			return !slices.ContainsFunc(s.messages[:], func(m sendsMessage) bool { return m.phase < letter })
		},
	}
}

func (m sendsMachine) next(s sendsState, out *Steps[sendsState]) {
	m.activate(s, out)
	m.send(s, out)
	for by := range uint8(couriers) {
		m.post(s, by, out)
	}
	for i, c := range s.copies {
		if c.on {
			m.breakOff(s, i, out)
			m.arrive(s, i, out)
		}
	}
	m.settle(s, out)
	m.end(s, out)
	m.operate(s, out)
	m.drop(s, out)
	m.backUp(s, out)
	if s.budget.Moves > 0 {
		s.budget.Moves--
		if !m.rules.MovesCarryMarks {
			s.mark, s.failed = 0, false
		}
		out.Fault(s, "the volatile receiver moves to another node")
	}
}

// activate has a node take the sender, and its outbox.
func (m sendsMachine) activate(s sendsState, out *Steps[sendsState]) {
	if s.couriers[present].on {
		return
	}
	c := &s.couriers[present]
	c.on = true
	for i, msg := range s.messages {
		if msg.phase != outbox {
			continue
		}
		c.numbers[i] = msg.number
		if c.line[i] = s.kept[i]; c.line[i] == noLine {
			c.line[i] = toSend
		}
	}
	s.kept = [sendsMessages]uint8{}
	out.Step(s, "the sender is activated")
}

// send has the sender commit its next message, when it is active.
func (m sendsMachine) send(s sendsState, out *Steps[sendsState]) {
	i := slices.IndexFunc(s.messages[:], func(msg sendsMessage) bool { return msg.phase == unsent })
	if i < 0 || !s.couriers[present].on {
		return
	}
	m.put(&s, uint8(i))
	out.Step(s, "the sender commits message %d under number %d", uint8(i), s.messages[i].number)
}

// put puts a message into the outbox, as part of a commit.
func (m sendsMachine) put(s *sendsState, i uint8) {
	s.commits++
	number := s.commits
	if !m.rules.NumbersFromCommits {
		number = 1
		for _, other := range s.messages {
			if other.phase == outbox {
				number = max(number, other.number+1)
			}
		}
	}
	s.messages[i].phase, s.messages[i].number = outbox, number
	c := &s.couriers[present]
	c.line[i], c.numbers[i] = toSend, number
}

// post has a courier send the first message of its line.
func (m sendsMachine) post(s sendsState, by uint8, out *Steps[sendsState]) {
	c := s.couriers[by]
	if !c.on || m.rules.LetterBeforeNext && slices.Contains(c.line[:], isGivenUp) {
		return
	}
	for _, i := range c.inOrder() {
		if s.waits(by, i) {
			if m.rules.OneAtATime {
				return
			}
			continue
		}
		p := s
		msg := sendsCopy{on: true, message: i, number: c.numbers[i], by: by, last: c.attempts+1 >= sendsTriesMax}
		if p.add(msg) {
			out.Step(p.sorted(), "courier %d sends message %d, number %d", by, i, msg.number)
		}
		if m.rules.OneAtATime {
			return
		}
	}
}

// inOrder returns what is to be sent, in order of number.
func (c *sendsCourier) inOrder() []uint8 {
	var line [sendsMessages]uint8
	n := 0
	for i := range uint8(sendsMessages) {
		if c.line[i] == toSend {
			line[n] = i
			n++
		}
	}
	if n == sendsMessages && c.numbers[line[0]] > c.numbers[line[1]] {
		line[0], line[1] = line[1], line[0]
	}
	return line[:n:n]
}

func (s *sendsState) waits(by, message uint8) bool {
	return slices.ContainsFunc(s.copies[:], func(c sendsCopy) bool {
		return c.on && c.by == by && c.message == message
	})
}

func (s *sendsState) add(c sendsCopy) bool {
	for i := range s.budget.Copies {
		if !s.copies[i].on {
			s.copies[i] = c
			return true
		}
	}
	return false
}

// sorted orders the copies, as their places mean nothing.
func (s sendsState) sorted() sendsState {
	slices.SortFunc(s.copies[:], func(a, b sendsCopy) int { return b.weight() - a.weight() })
	return s
}

func (c sendsCopy) weight() int {
	return bit(c.on)<<20 | int(c.message)<<16 | int(c.number)<<4 | int(c.by)<<1 | bit(c.last)
}

func (m sendsMachine) breakOff(s sendsState, i int, out *Steps[sendsState]) {
	c := s.copies[i]
	if c.by == noCourier || s.budget.Losses == 0 {
		return
	}
	s.budget.Losses--
	s.copies[i].by = noCourier
	const text = "the connection of courier %d breaks; message %d, number %d, is still on its way"
	out.Fault(s.sorted(), text, c.by, c.message, c.number)
}

// What the receiver says.
const (
	saysDone = iota
	saysFailed
	saysGivenUp
)

// arrive has the receiver take a copy.
func (m sendsMachine) arrive(s sendsState, i int, out *Steps[sendsState]) {
	c := s.copies[i]
	s.copies[i] = sendsCopy{}
	if c.number <= s.mark {
		says := saysDone
		if c.number == s.mark && s.failed {
			says = saysGivenUp
		}
		m.answer(s, c, says, out, "the receiver has number %d of message %d behind it")
		return
	}
	m.run(s, c, out)
	if s.budget.Failures == 0 {
		return
	}
	s.budget.Failures--
	if c.last && m.rules.ReceiverAgrees {
		s.mark, s.failed = c.number, true
		m.answer(s, c, saysGivenUp, out, "the receiver fails for the last time at number %d of message %d")
		return
	}
	m.answer(s, c, saysFailed, out, "the receiver fails at number %d of message %d")
}

func (m sendsMachine) run(s sendsState, c sendsCopy, out *Steps[sendsState]) {
	msg := &s.messages[c.message]
	if msg.effects++; msg.effects > 1 {
		s.broken = brokenMessageTwice
	}
	first := s.messages[0]
	if c.message == 1 && first.phase == outbox && s.mark < first.number && first.number < c.number {
		s.broken = brokenOrder
	}
	if !m.rules.MarkWithEffect && s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		const text = "the receiver runs message %d; its owner dies before the mark is stored"
		out.Fault(l.heard(c, noLine).sorted(), text, c.message)
	}
	s.mark, s.failed = c.number, false
	m.answer(s, c, saysDone, out, "the receiver runs number %d of message %d")
}

// answer has an answer reach the courier that waits for it, or get lost.
func (m sendsMachine) answer(s sendsState, c sendsCopy, says int, out *Steps[sendsState], text string) {
	switch {
	case c.by == noCourier:
		out.Step(s.sorted(), text+"; nobody waits for it", c.number, c.message)
		return
	case s.budget.Pressure && c.by == present:
		m.miss(s, c, says, out, text)
		return
	}
	if s.budget.Losses > 0 {
		l := s
		l.budget.Losses--
		out.Fault(l.sorted(), text+"; the answer is lost", c.number, c.message)
	}
	switch says {
	case saysDone:
		s = s.heard(c, isDone)
	case saysGivenUp:
		s = s.heard(c, isGivenUp)
	default:
		courier := &s.couriers[c.by]
		if courier.attempts++; courier.attempts >= sendsTriesMax {
			s = s.heard(c, isGivenUp)
		}
	}
	out.Step(s.sorted(), text, c.number, c.message)
}

// miss has an answer come when the sender has been evicted for room.
func (m sendsMachine) miss(s sendsState, c sendsCopy, says int, out *Steps[sendsState], text string) {
	s = s.ended()
	if m.rules.ResultsOutlive && says != saysFailed && s.messages[c.message].phase == outbox {
		s.kept[c.message] = isDone
		if says == saysGivenUp {
			s.kept[c.message] = isGivenUp
		}
	}
	out.Step(s.sorted(), text+"; the sender has been evicted meanwhile", c.number, c.message)
}

// heard has a courier take note of what has become of a message.
func (s sendsState) heard(c sendsCopy, what uint8) sendsState {
	if c.by != noCourier && what != noLine {
		courier := &s.couriers[c.by]
		courier.attempts = 0
		courier.line[c.message] = what
	}
	return s
}

// settle has the present activation commit what has become of its messages.
func (m sendsMachine) settle(s sendsState, out *Steps[sendsState]) {
	c := &s.couriers[present]
	for i := range uint8(sendsMessages) {
		t := s
		t.couriers[present].line[i] = noLine
		msg := &t.messages[i]
		switch c.line[i] {
		case isDone:
			if msg.phase = gone; msg.effects == 0 {
				t.broken = brokenMessageLost
			}
			out.Step(t, "the sender commits that message %d is done", i)
		case isGivenUp:
			msg.phase = letter
			out.Step(t, "the sender commits that message %d is a dead letter", i)
		}
	}
}

// end ends the present activation.
func (m sendsMachine) end(s sendsState, out *Steps[sendsState]) {
	if !s.couriers[present].on || s.budget.Ends == 0 {
		return
	}
	s.budget.Ends--
	courier := s.couriers[present]
	e := s.ended()
	e.kept = [sendsMessages]uint8{}
	out.Fault(e.sorted(), "the sender's node dies")
	if s.couriers[former].on {
		return
	}
	for i := range s.copies {
		if s.copies[i].by == present {
			s.copies[i].by = former
		}
	}
	s.couriers[present], s.couriers[former] = sendsCourier{}, courier
	s.kept = [sendsMessages]uint8{}
	out.Fault(s.sorted(), "the sender's node loses the claim, does not know it, and goes on")
}

// ended is without the present activation.
func (s sendsState) ended() sendsState {
	s.couriers[present] = sendsCourier{}
	for i := range s.copies {
		if s.copies[i].by == present {
			s.copies[i].by = noCourier
		}
	}
	return s
}

// drop has an operator drop messages that are not done, as far as the present activation knows. Copies of them that are
// on their way stay there.
func (m sendsMachine) drop(s sendsState, out *Steps[sendsState]) {
	c := s.couriers[present]
	if s.budget.Drops == 0 || !c.on {
		return
	}
	for i, number := range c.inOrder() {
		d := s
		d.budget.Drops--
		d.couriers[present].line[number] = noLine
		if i == 0 {
			d.couriers[present].attempts = 0
		}
		for j := range d.copies {
			if d.copies[j].by == present && d.copies[j].message == number {
				d.copies[j].by = noCourier
			}
		}
		if !m.rules.DropBeforeNext {
			out.Fault(d.sorted(), "an operator drops message %d, which is not committed", number)
		}
		d.commits++
		d.messages[number].phase = dropped
		out.Fault(d.sorted(), "an operator drops message %d", number)
	}
}

// operate is what operators do: they take a dead letter back, or destroy the sender.
func (m sendsMachine) operate(s sendsState, out *Steps[sendsState]) {
	for i := range uint8(sendsMessages) {
		if s.budget.Retries == 0 || !s.couriers[present].on || s.messages[i].phase != letter {
			continue
		}
		r := s
		r.budget.Retries--
		m.put(&r, i)
		out.Fault(r, "an operator takes message %d back, under number %d", i, r.messages[i].number)
		if !m.rules.RetryRemovesLetter {
			r.messages[i].phase = letter
			out.Fault(r, "an operator takes message %d back, under number %d, and the letter stays", i,
				r.messages[i].number)
		}
	}
	if s.budget.Destroys > 0 && s.couriers[present].on {
		d := s.ended()
		d.budget.Destroys--
		for i := range d.messages {
			if d.messages[i].phase == outbox || d.messages[i].phase == letter {
				d.messages[i].phase = dropped
			}
		}
		if d.commits++; !m.rules.DestroyKeepsNumbers {
			d.commits = 0
		}
		out.Fault(d.sorted(), "the sender is destroyed")
	}
}

// backUp takes a backup of the sender, later one of the receiver, and restores both. Nodes are down then: nothing is on
// its way.
func (m sendsMachine) backUp(s sendsState, out *Steps[sendsState]) {
	b := &s.backup
	switch {
	case !s.budget.Restores:
		return
	case !b.hasSender:
		b.hasSender, b.next, b.messages = true, s.commits, s.messages
		out.Fault(s, "the sender is backed up")
		return
	case !b.hasReceiver:
		b.hasReceiver, b.mark, b.failed = true, s.mark, s.failed
		for i, msg := range s.messages {
			b.effects[i] = msg.effects
		}
		out.Fault(s, "the receiver is backed up")
		return
	}
	r := sendsState{commits: b.next, messages: b.messages, mark: b.mark, failed: b.failed, budget: s.budget}
	r.budget.Restores = false
	for i := range r.messages {
		if r.messages[i].effects = b.effects[i]; r.messages[i].phase == unsent {
			r.messages[i].effects = 0 // what will be sent is another message
		}
		if r.messages[i].phase == outbox && !m.rules.RestoreKeepsOutbox {
			r.messages[i].number += raisedTo
		}
	}
	if m.rules.RestoreRaisesNumbers {
		r.commits += raisedTo
	}
	out.Fault(r, "both are restored")
}
