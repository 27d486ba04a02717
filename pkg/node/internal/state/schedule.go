// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// sendsLinger is how long after its last message was delivered the entry of an actor in the list of what is due
	// says that it has some: one that sends all the time need not move its entry all the time.
	sendsLinger = 5 * time.Second
	// sendsLookedAt is how often an actor with messages is woken to see whether all is in order.
	sendsLookedAt = time.Minute
)

// Schedule is what an actor has to do by itself: its alarms, and its messages that are not delivered; and how far it is
// with those of others. Only actors that have something of these have one. It is used by the mailbox's task.
type Schedule struct {
	// The alarms in order of name: as the handler that runs, the last of the batch that succeeded, and the store have
	// them. The slices are not changed, but replaced.
	Alarms, kept, committed []*call.Alarm
	// nextAlarm is when the first of the committed is to run, 0 for never.
	nextAlarm int64
	// Outbox is the messages that the store has, in order of number; sent are the batch's, the first sentKept of them
	// of handlers that have succeeded.
	Outbox      []*Message
	outboxBytes int
	Sent        []*Message
	SentKept    int
	// Buried are the dead letters that the batch stores, exhumed those that it deletes.
	Buried  []*registry.DeadLetter
	Exhumed []uint64
	// Drops are of messages that the batch takes out of the outbox without a delivery.
	Drops []*Drop
	Inbox inbox
	// Due is the time of the actor's entry in the list of what is due, in milliseconds since 1970: that of the next
	// alarm, DueAtOnce as long as there are messages and until linger, or 0 for none.
	Due, Linger int64
	// mine says that the entry names the node: it did when the claim was taken, or this activation has written it
	// since.
	mine bool
	// Deliveries tells what has become of what is in the outbox. It is nil before there was anything.
	Deliveries deliveries
	// failing is how many of the committed alarms and of the outbox have failed, and are tried again.
	failing call.Failing
	// Dead is how many dead letters the actor has at the most, -1 if that is not known.
	Dead int
	// What the transaction in hand makes of it.
	Next struct {
		outbox  []*Message
		Due     int64
		linger  int64
		mine    bool
		settled []Delivery
	}
}

// deliveries are what has become of the messages of an actor that are in its outbox.
type deliveries interface {
	// Take returns the results that have not been committed, in order of number, and keeps them.
	Take() []Delivery
	// Ended returns how many messages have ended whose results have not been committed.
	Ended() int
	// Committed takes note that results are in the store, begins to deliver the messages sent, and ends the deliveries
	// of those dropped.
	Committed(settled []Delivery, sent []*Message, drops []*Drop)
}

// Results returns what has become of messages and is not committed.
func (g *Schedule) Results() []Delivery {
	if g.Deliveries == nil {
		return nil
	}
	return g.Deliveries.Take()
}

// Delivered returns how many messages have ended of which that is not committed.
func (g *Schedule) Delivered() int {
	if g.Deliveries == nil {
		return 0
	}
	return g.Deliveries.Ended()
}

// NewSchedule returns a schedule with nothing in it.
func NewSchedule() *Schedule { return &Schedule{Dead: -1} }

// LoadAgenda decodes what is stored: nil if nothing is. mine is as of the schedule. Errors are CodeCorruptState.
func LoadSchedule(entries []registry.Entry, mine bool) (*Schedule, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	g := NewSchedule()
	g.mine = mine
	for _, e := range entries {
		switch {
		case bytes.Equal(e.Key, statekeys.Alarms):
			if len(e.Value) != 8 {
				return nil, api.Errorf(api.CodeCorruptState, "when there is something to do can't be read")
			}
			g.Due = int64(binary.BigEndian.Uint64(e.Value))
		case bytes.HasPrefix(e.Key, statekeys.Alarms):
			al, err := call.DecodeAlarm(e)
			if err != nil {
				return nil, err
			}
			g.committed = append(g.committed, al)
		default:
			m, err := DecodeMessage(e)
			if err != nil {
				return nil, err
			}
			g.Outbox = append(g.Outbox, m)
			g.outboxBytes += m.Bytes()
		}
	}
	slices.SortFunc(g.committed, func(x, y *call.Alarm) int { return strings.Compare(x.Name, y.Name) })
	g.Alarms, g.kept, g.nextAlarm = g.committed, g.committed, earliest(g.committed)
	g.countFailing()
	return g, nil
}

func (g *Schedule) countFailing() {
	g.failing = call.Failing{}
	for _, al := range g.committed {
		if al.Tries > 0 {
			g.failing.Alarms++
		}
	}
	for _, m := range g.Outbox {
		if m.Error != "" || m.Attempts > 0 {
			g.failing.Sends++
		}
	}
}

// Failing is how much of it has failed, and is tried again, as the store has it.
func (g *Schedule) Failing() call.Failing {
	if g == nil {
		return call.Failing{}
	}
	return g.failing
}

// Entries is what the store has of it, as loadAgenda takes it.
func (g *Schedule) Entries() []registry.Entry {
	if g == nil {
		return nil
	}
	var out []registry.Entry
	if g.Due != 0 {
		out = append(out, registry.Entry{Key: statekeys.Alarms, Value: encodeDue(g.Due)})
	}
	for _, al := range g.committed {
		out = append(out, registry.Entry{Key: statekeys.Alarm(al.Name), Value: al.Encode()})
	}
	for _, m := range g.Outbox {
		out = append(out, registry.Entry{Key: statekeys.Message(m.Number), Value: m.encode()})
	}
	slices.SortFunc(out, func(x, y registry.Entry) int { return bytes.Compare(x.Key, y.Key) })
	return out
}

func encodeDue(at int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at)) }

// Listed returns the alarms as the handler that runs has them.
func (g *Schedule) Listed() []kind.Alarm {
	if g == nil {
		return nil
	}
	out := make([]kind.Alarm, len(g.Alarms))
	for i, al := range g.Alarms {
		out[i] = al.Alarm
	}
	return out
}

// DueAt is the time of the actor's entry in the list of what is due, 0 for none.
func (g *Schedule) DueAt() int64 {
	if g == nil {
		return 0
	}
	return g.Due
}

// Sending reports whether there are messages to deliver.
func (g *Schedule) Sending() bool { return g != nil && len(g.Outbox) > 0 }

// Dying are the dead letters that the batch stores.
func (g *Schedule) Dying() []*registry.DeadLetter {
	if g == nil {
		return nil
	}
	return g.Buried
}

// Marks are how far the actor is with the messages of others, as they go along with a volatile one.
func (g *Schedule) Marks() []registry.Entry {
	if g == nil {
		return nil
	}
	return g.Inbox.Entries()
}

// Alarm returns the alarm of a name, nil if none is set.
func (g *Schedule) Alarm(name string) *call.Alarm {
	if i, ok := searchAlarm(g.Alarms, name); ok {
		return g.Alarms[i]
	}
	return nil
}

func searchAlarm(in []*call.Alarm, name string) (int, bool) {
	return slices.BinarySearchFunc(in, name, func(al *call.Alarm, name string) int {
		return strings.Compare(al.Name, name)
	})
}

// Put sets an alarm, in place of the one of its name.
func (g *Schedule) Put(al *call.Alarm) {
	i, ok := searchAlarm(g.Alarms, al.Name)
	g.Alarms = slices.Clone(g.Alarms)
	if ok {
		g.Alarms[i] = al
	} else {
		g.Alarms = slices.Insert(g.Alarms, i, al)
	}
}

// Cancel removes an alarm, and reports whether there was one.
func (g *Schedule) Cancel(name string) bool {
	if g == nil {
		return false
	}
	i, ok := searchAlarm(g.Alarms, name)
	if ok {
		g.Alarms = slices.Delete(slices.Clone(g.Alarms), i, i+1)
	}
	return ok
}

// Advance takes an alarm for done at a time: it comes again, or is removed.
func (g *Schedule) Advance(al *call.Alarm, now time.Time) {
	due, again := al.Next(now)
	if !again {
		g.Cancel(al.Name)
		return
	}
	next := *al
	next.Due, next.Attempts, next.Tries, next.Retry, next.Birth = due, 0, 0, 0, 0
	next.Repeats, next.Error = true, ""
	g.Put(&next)
}

// BringBack brings back the times that a wrong clock has put off (see call.Alarm.BroughtBack).
func (g *Schedule) BringBack(now time.Time) {
	if g == nil {
		return
	}
	g.Linger = min(g.Linger, now.Add(sendsLinger).UnixMilli())
	for _, al := range g.kept {
		if next := al.BroughtBack(now); next != al {
			g.kept = slices.Clone(g.kept)
			g.kept[slices.Index(g.kept, al)] = next
			g.Alarms = g.kept
		}
	}
}

// BroughtBack reports whether times were brought back that the store does not know of.
func (g *Schedule) BroughtBack() bool { return !slices.Equal(g.kept, g.committed) }

// Replace puts an alarm in the place of an earlier form of it, of which the store has been told.
func (g *Schedule) Replace(old, al *call.Alarm) {
	for _, in := range []*[]*call.Alarm{&g.Alarms, &g.kept, &g.committed} {
		if i := slices.Index(*in, old); i >= 0 {
			*in = slices.Clone(*in)
			(*in)[i] = al
		}
	}
}

// Rollback undoes what the handler that has run last has done. It returns nil.
func (g *Schedule) Rollback() error {
	if g != nil {
		g.Alarms, g.Sent = g.kept, g.Sent[:g.SentKept]
	}
	return nil
}

// Keep makes what the handler has done part of the batch.
func (g *Schedule) Keep() {
	if g != nil {
		g.kept, g.SentKept = g.Alarms, len(g.Sent)
	}
}

// Revert undoes the batch. It returns nil.
func (g *Schedule) Revert() error {
	if g == nil {
		return nil
	}
	if len(g.Exhumed) > 0 {
		g.Dead = -1
	}
	g.Alarms, g.kept = g.committed, g.committed
	g.Sent, g.SentKept, g.Buried, g.Exhumed, g.Drops, g.Inbox.batch = nil, 0, nil, nil, nil, nil
	return nil
}

// Ready returns the alarms that are to run by now, the earliest first.
func (g *Schedule) Ready(now int64) []*call.Alarm {
	var out []*call.Alarm
	for _, al := range g.kept {
		if al.At() <= now {
			out = append(out, al)
		}
	}
	slices.SortStableFunc(out, func(x, y *call.Alarm) int { return x.Due.Compare(y.Due) })
	return out
}

// Rings reports whether an alarm is to run by now.
func (g *Schedule) Rings(now int64) bool { return g != nil && g.nextAlarm != 0 && g.nextAlarm <= now }

// Bytes is about what it takes in memory.
func (g *Schedule) Bytes() int {
	if g == nil {
		return 0
	}
	const fixed = 500
	n := fixed + g.outboxBytes + g.Inbox.cacheBytes
	for _, al := range g.committed {
		n += al.Bytes()
	}
	return n
}

// BatchBytes is about what the batch's share takes in a transaction.
func (g *Schedule) BatchBytes() (n int) {
	if g == nil {
		return 0
	}
	for _, m := range g.Sent {
		n += m.Bytes()
	}
	for _, d := range g.Buried {
		n += len(d.Request)
	}
	return n
}

// Collect takes what has become of deliveries into the transaction in hand.
func (g *Schedule) Collect() {
	g.Next.settled = g.Results()
	for _, r := range g.Next.settled {
		if r.Dead != nil && !g.drops(r.Number) {
			g.Buried = append(g.Buried, r.Dead)
		}
	}
}

// Writes returns what makes the batch's share durable, and what has been collected. now is in milliseconds since 1970.
func (g *Schedule) Writes(claim *registry.Claim, now int64) []registry.Write {
	if g == nil {
		return nil
	}
	out := g.alarmWrites(claim.NextCommit())
	out = append(out, g.outboxWrites(claim)...)
	out = append(out, g.Inbox.writes()...)
	for i, d := range g.Buried {
		d.Number = claim.NextCommit()<<numberBits | uint64(i+1)
		out = append(out, claim.Bury(d)...)
	}
	for _, number := range g.Exhumed {
		out = append(out, claim.Exhume(number)...)
	}
	g.Next.Due, g.Next.linger, g.Next.mine = g.Due, g.Linger, g.mine
	if len(g.Next.outbox) > 0 {
		g.Next.linger = now + sendsLinger.Milliseconds()
	}
	if len(out) == 0 && (g.Due == 0 || g.Due > now) {
		return nil
	}
	if g.Next.Due = g.wanted(now); g.Next.Due == g.Due && (g.mine || g.Due == 0) {
		return out
	}
	g.Next.mine = true
	return append(out, claim.MoveDue(g.Due, g.Next.Due)...)
}

// alarmWrites are where the alarms differ from those that the store has. commit is the number of the commit that they
// are for.
func (g *Schedule) alarmWrites(commit uint64) (out []registry.Write) {
	before := g.committed
	for i, al := range g.kept {
		if al.Fresh {
			al.Number, al.Fresh = commit<<numberBits|uint64(i+1), false
		}
		for len(before) > 0 && before[0].Name < al.Name {
			out, before = append(out, registry.Write{Key: statekeys.Alarm(before[0].Name)}), before[1:]
		}
		if len(before) > 0 && before[0].Name == al.Name {
			same := before[0] == al
			if before = before[1:]; same {
				continue
			}
		}
		out = append(out, registry.Write{Key: statekeys.Alarm(al.Name), Value: al.Encode()})
	}
	for _, al := range before {
		out = append(out, registry.Write{Key: statekeys.Alarm(al.Name)})
	}
	return out
}

// outboxWrites are the messages that have been sent, those that are dropped, and those whose delivery has come to an
// end, or has failed once more.
func (g *Schedule) outboxWrites(claim *registry.Claim) (out []registry.Write) {
	g.Next.outbox = slices.Clone(g.Outbox)
	for _, d := range g.Drops {
		for _, m := range d.Messages {
			if i := slices.Index(g.Next.outbox, m); i >= 0 {
				g.Next.outbox = slices.Delete(g.Next.outbox, i, i+1)
				out = append(out, registry.Write{Key: statekeys.Message(m.Number)})
			}
		}
	}
	for _, r := range g.Next.settled {
		i, ok := slices.BinarySearchFunc(g.Next.outbox, r.Number, func(m *Message, number uint64) int {
			return cmp.Compare(m.Number, number)
		})
		switch {
		case !ok:
		case r.Ended:
			g.Next.outbox = slices.Delete(g.Next.outbox, i, i+1)
			out = append(out, registry.Write{Key: statekeys.Message(r.Number)})
		default:
			m := *g.Next.outbox[i]
			m.Attempts, m.Error, m.Retry = r.Attempts, r.Error, r.Retry
			g.Next.outbox[i] = &m
			out = append(out, registry.Write{Key: statekeys.Message(r.Number), Value: m.encode()})
		}
	}
	for i, m := range g.Sent {
		m.Number = claim.NextCommit()<<numberBits | uint64(i+1)
		if m.Origin == 0 {
			m.Origin = m.Number
		}
		g.Next.outbox = append(g.Next.outbox, m)
		out = append(out, registry.Write{Key: statekeys.Message(m.Number), Value: m.encode()})
	}
	return out
}

// wanted is the time that the actor's entry in the list of what is due is to have, 0 for none.
func (g *Schedule) wanted(now int64) int64 {
	if len(g.Next.outbox) > 0 || g.Due == registry.DueAtOnce && now < g.Linger {
		return registry.DueAtOnce
	}
	return earliest(g.kept)
}

// earliest is when the first alarm is to run, 0 for never.
func earliest(alarms []*call.Alarm) (at int64) {
	for _, al := range alarms {
		if at == 0 || al.At() < at {
			at = al.At()
		}
	}
	return at
}

// WakeAt is when the actor is to be woken if nobody calls it, 0 for never.
func (g *Schedule) WakeAt(now int64) int64 {
	at := g.nextAlarm
	if g.Due != registry.DueAtOnce {
		return at
	}
	look := g.Linger
	if len(g.Outbox) > 0 {
		look = now + sendsLookedAt.Milliseconds()
	}
	if at == 0 || look < at {
		at = look
	}
	return at
}

// Stored notes that the writes have been committed. There may be something to deliver.
func (g *Schedule) Stored() {
	if g == nil {
		return
	}
	g.committed, g.nextAlarm = g.kept, earliest(g.kept)
	g.mine = g.Next.mine
	g.Outbox, g.Due, g.Linger = g.Next.outbox, g.Next.Due, g.Next.linger
	g.outboxBytes = 0
	for _, m := range g.Outbox {
		g.outboxBytes += m.Bytes()
	}
	g.countFailing()
	if g.Dead >= 0 {
		g.Dead += len(g.Buried)
	}
	if g.Deliveries != nil {
		g.Deliveries.Committed(g.Next.settled, g.Sent, g.Drops)
	}
	g.Next.outbox, g.Next.settled = nil, nil
	g.Sent, g.SentKept, g.Buried, g.Exhumed, g.Drops = nil, 0, nil, nil, nil
	g.Inbox.stored()
}

// Clearing are the writes that delete it with the actor. How far it is with the messages of others stays: they may
// come again.
func (g *Schedule) Clearing(claim *registry.Claim) []registry.Write {
	out := []registry.Write{{Key: statekeys.Alarms, End: kv.PrefixEnd(statekeys.Alarms)},
		{Key: statekeys.Outbox, End: kv.PrefixEnd(statekeys.Outbox)}}
	out = append(out, claim.ExhumeAll()...)
	if g != nil {
		out = append(out, claim.MoveDue(g.Due, 0)...)
	}
	return out
}

// Bury makes a dead letter part of the batch.
func (g *Schedule) Bury(d *registry.DeadLetter, why error) {
	Explain(d, why)
	g.Buried = append(g.Buried, d)
}

// Drop makes it part of the batch that the messages that which selects leave the outbox, and reports whether there are
// any. Those whose deliveries have ended are not among them: that is known, and only not committed yet. done is as of a
// Drop; it also gets how many messages those are.
func (g *Schedule) Drop(which func(*Message) bool, done func(selected int, out Dropped)) bool {
	ended := make(map[uint64]bool)
	for _, r := range g.Results() {
		ended[r.Number] = r.Ended
	}
	d := new(Drop)
	for _, m := range g.Outbox {
		if which(m) && !ended[m.Number] && !g.drops(m.Number) {
			d.Messages = append(d.Messages, m)
		}
	}
	d.Done = func(out Dropped) { done(len(d.Messages), out) }
	if len(d.Messages) > 0 {
		g.Drops = append(g.Drops, d)
	}
	return len(d.Messages) > 0
}

func (g *Schedule) drops(number uint64) bool {
	return slices.ContainsFunc(g.Drops, func(d *Drop) bool {
		return slices.ContainsFunc(d.Messages, func(m *Message) bool { return m.Number == number })
	})
}
