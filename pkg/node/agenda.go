// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// sendsLinger is how long after its last message was delivered the entry of an actor in the list of what is due
	// says that it has some: one that sends all the time need not move its entry all the time.
	sendsLinger = 5 * time.Second
	// sendsLookedAt is how often an actor with messages is woken to see whether all is in order.
	sendsLookedAt = time.Minute
)

// agenda is what an actor has to do by itself: its alarms, and its messages that are not delivered; and how far it is
// with those of others. Only actors that have something of these have one. It is used by the slot's task.
type agenda struct {
	// The alarms in order of name: as the handler that runs, the last of the batch that succeeded, and the store have
	// them. The slices are not changed, but replaced.
	alarms, kept, committed []*alarm
	// nextAlarm is when the first of the committed is to run, 0 for never.
	nextAlarm int64
	// outbox is the messages that the store has, in order of number; sent are the batch's, the first sentKept of them
	// of handlers that have succeeded.
	outbox      []*message
	outboxBytes int
	sent        []*message
	sentKept    int
	// buried are the dead letters that the batch stores, exhumed those that it deletes.
	buried  []*registry.DeadLetter
	exhumed []uint64
	inbox   inbox
	// due is the time of the actor's entry in the list of what is due, in milliseconds since 1970: that of the next
	// alarm, DueAtOnce as long as there are messages and until linger, or 0 for none.
	due, linger int64
	// mine says that the entry names the node: it did when the claim was taken, or this activation has written it
	// since.
	mine bool
	// courier delivers what is in the outbox. It is nil before there was anything.
	courier deliveries
	// dead is how many dead letters the actor has at the most, -1 if that is not known.
	dead int
	// What the transaction in hand makes of it.
	next struct {
		outbox  []*message
		due     int64
		linger  int64
		mine    bool
		settled []result
	}
}

// deliveries are what has become of the messages of an actor that are in its outbox.
type deliveries interface {
	// take returns the results that have not been committed, in order of number, and keeps them.
	take() []result
	// ended returns how many messages have ended whose results have not been committed.
	ended() int
	// committed takes note that results are in the store, and begins to deliver the messages sent.
	committed(settled []result, sent []*message)
}

// results returns what has become of messages and is not committed.
func (g *agenda) results() []result {
	if g.courier == nil {
		return nil
	}
	return g.courier.take()
}

// delivered returns how many messages have ended of which that is not committed.
func (g *agenda) delivered() int {
	if g.courier == nil {
		return 0
	}
	return g.courier.ended()
}

func newAgenda() *agenda { return &agenda{dead: -1} }

// loadAgenda decodes what is stored: nil if nothing is. mine is as of the agenda. Errors are CodeCorruptState.
func loadAgenda(entries []registry.Entry, mine bool) (*agenda, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	g := newAgenda()
	g.mine = mine
	for _, e := range entries {
		switch {
		case bytes.Equal(e.Key, alarmPart):
			if len(e.Value) != 8 {
				return nil, api.Errorf(api.CodeCorruptState, "when there is something to do can't be read")
			}
			g.due = int64(binary.BigEndian.Uint64(e.Value))
		case bytes.HasPrefix(e.Key, alarmPart):
			al, err := decodeAlarm(e)
			if err != nil {
				return nil, err
			}
			g.committed = append(g.committed, al)
		default:
			m, err := decodeMessage(e)
			if err != nil {
				return nil, err
			}
			g.outbox = append(g.outbox, m)
			g.outboxBytes += m.bytes()
		}
	}
	slices.SortFunc(g.committed, func(x, y *alarm) int { return strings.Compare(x.Name, y.Name) })
	g.alarms, g.kept, g.nextAlarm = g.committed, g.committed, earliest(g.committed)
	return g, nil
}

// entries is what the store has of it, as loadAgenda takes it.
func (g *agenda) entries() []registry.Entry {
	if g == nil {
		return nil
	}
	var out []registry.Entry
	if g.due != 0 {
		out = append(out, registry.Entry{Key: alarmPart, Value: encodeDue(g.due)})
	}
	for _, al := range g.committed {
		out = append(out, registry.Entry{Key: alarmKey(al.Name), Value: al.encode()})
	}
	for _, m := range g.outbox {
		out = append(out, registry.Entry{Key: outboxKey(m.number), Value: m.encode()})
	}
	slices.SortFunc(out, func(x, y registry.Entry) int { return bytes.Compare(x.Key, y.Key) })
	return out
}

func encodeDue(at int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at)) }

// alarm returns the alarm of a name, nil if none is set.
func (g *agenda) alarm(name string) *alarm {
	if i, ok := searchAlarm(g.alarms, name); ok {
		return g.alarms[i]
	}
	return nil
}

func searchAlarm(in []*alarm, name string) (int, bool) {
	return slices.BinarySearchFunc(in, name, func(al *alarm, name string) int { return strings.Compare(al.Name, name) })
}

// put sets an alarm, in place of the one of its name.
func (g *agenda) put(al *alarm) {
	i, ok := searchAlarm(g.alarms, al.Name)
	g.alarms = slices.Clone(g.alarms)
	if ok {
		g.alarms[i] = al
	} else {
		g.alarms = slices.Insert(g.alarms, i, al)
	}
}

// cancel removes an alarm, and reports whether there was one.
func (g *agenda) cancel(name string) bool {
	i, ok := searchAlarm(g.alarms, name)
	if ok {
		g.alarms = slices.Delete(slices.Clone(g.alarms), i, i+1)
	}
	return ok
}

// advance takes an alarm for done at a time: it comes again, or is removed.
func (g *agenda) advance(al *alarm, now time.Time) {
	due, again := al.Next(now)
	if !again {
		g.cancel(al.Name)
		return
	}
	next := *al
	next.Due, next.Attempts, next.tries, next.retry, next.birth = due, 0, 0, 0, 0
	g.put(&next)
}

// replace puts an alarm in the place of an earlier form of it, of which the store has been told.
func (g *agenda) replace(old, al *alarm) {
	for _, in := range []*[]*alarm{&g.alarms, &g.kept, &g.committed} {
		if i := slices.Index(*in, old); i >= 0 {
			*in = slices.Clone(*in)
			(*in)[i] = al
		}
	}
}

// begin prepares for a handler.
func (g *agenda) begin() {
	if g != nil {
		g.alarms, g.sent = g.kept, g.sent[:g.sentKept]
	}
}

// keep makes what the handler has done part of the batch.
func (g *agenda) keep() {
	if g != nil {
		g.kept, g.sentKept = g.alarms, len(g.sent)
	}
}

// revert undoes the batch.
func (g *agenda) revert() {
	if g == nil {
		return
	}
	if len(g.exhumed) > 0 {
		g.dead = -1
	}
	g.alarms, g.kept = g.committed, g.committed
	g.sent, g.sentKept, g.buried, g.exhumed, g.inbox.batch = nil, 0, nil, nil, nil
}

// ready returns the alarms that are to run by now, the earliest first.
func (g *agenda) ready(now int64) []*alarm {
	var out []*alarm
	for _, al := range g.kept {
		if al.at() <= now {
			out = append(out, al)
		}
	}
	slices.SortStableFunc(out, func(x, y *alarm) int { return x.Due.Compare(y.Due) })
	return out
}

// rings reports whether an alarm is to run by now.
func (g *agenda) rings(now int64) bool { return g != nil && g.nextAlarm != 0 && g.nextAlarm <= now }

// bytes is about what it takes in memory.
func (g *agenda) bytes() int {
	if g == nil {
		return 0
	}
	const fixed = 500
	n := fixed + g.outboxBytes + g.inbox.cacheBytes
	for _, al := range g.committed {
		n += al.bytes()
	}
	return n
}

// batchBytes is about what the batch's share takes in a transaction.
func (g *agenda) batchBytes() (n int) {
	if g == nil {
		return 0
	}
	for _, m := range g.sent {
		n += m.bytes()
	}
	for _, d := range g.buried {
		n += len(d.Request)
	}
	return n
}

// collect takes what has become of deliveries into the transaction in hand.
func (g *agenda) collect() {
	g.next.settled = g.results()
	for _, r := range g.next.settled {
		if r.dead != nil {
			g.buried = append(g.buried, r.dead)
		}
	}
}

// writes returns what makes the batch's share durable, and what has been collected. now is in milliseconds since 1970.
func (g *agenda) writes(claim *registry.Claim, now int64) []registry.Write {
	if g == nil {
		return nil
	}
	out := g.alarmWrites(claim.NextCommit())
	out = append(out, g.outboxWrites(claim)...)
	out = append(out, g.inbox.writes()...)
	for i, d := range g.buried {
		d.Number = claim.NextCommit()<<numberBits | uint64(i+1)
		out = append(out, claim.Bury(d)...)
	}
	for _, number := range g.exhumed {
		out = append(out, claim.Exhume(number)...)
	}
	g.next.due, g.next.linger, g.next.mine = g.due, g.linger, g.mine
	if len(g.next.outbox) > 0 {
		g.next.linger = now + sendsLinger.Milliseconds()
	}
	if len(out) == 0 && (g.due == 0 || g.due > now) {
		return nil
	}
	if g.next.due = g.wanted(now); g.next.due == g.due && (g.mine || g.due == 0) {
		return out
	}
	g.next.mine = true
	return append(out, claim.MoveDue(g.due, g.next.due)...)
}

// alarmWrites are where the alarms differ from those that the store has. commit is the number of the commit that they
// are for.
func (g *agenda) alarmWrites(commit uint64) (out []registry.Write) {
	before := g.committed
	for i, al := range g.kept {
		if al.fresh {
			al.number, al.fresh = commit<<numberBits|uint64(i+1), false
		}
		for len(before) > 0 && before[0].Name < al.Name {
			out, before = append(out, registry.Write{Key: alarmKey(before[0].Name)}), before[1:]
		}
		if len(before) > 0 && before[0].Name == al.Name {
			same := before[0] == al
			if before = before[1:]; same {
				continue
			}
		}
		out = append(out, registry.Write{Key: alarmKey(al.Name), Value: al.encode()})
	}
	for _, al := range before {
		out = append(out, registry.Write{Key: alarmKey(al.Name)})
	}
	return out
}

// outboxWrites are the messages that have been sent, and those whose delivery has come to an end, or has failed once
// more.
func (g *agenda) outboxWrites(claim *registry.Claim) (out []registry.Write) {
	g.next.outbox = slices.Clone(g.outbox)
	for _, r := range g.next.settled {
		i, ok := slices.BinarySearchFunc(g.next.outbox, r.number, func(m *message, number uint64) int {
			return cmp.Compare(m.number, number)
		})
		switch {
		case !ok:
		case r.ended:
			g.next.outbox = slices.Delete(g.next.outbox, i, i+1)
			out = append(out, registry.Write{Key: outboxKey(r.number)})
		default:
			m := *g.next.outbox[i]
			m.attempts = r.attempts
			g.next.outbox[i] = &m
			out = append(out, registry.Write{Key: outboxKey(r.number), Value: m.encode()})
		}
	}
	for i, m := range g.sent {
		m.number = claim.NextCommit()<<numberBits | uint64(i+1)
		if m.origin == 0 {
			m.origin = m.number
		}
		g.next.outbox = append(g.next.outbox, m)
		out = append(out, registry.Write{Key: outboxKey(m.number), Value: m.encode()})
	}
	return out
}

// wanted is the time that the actor's entry in the list of what is due is to have, 0 for none.
func (g *agenda) wanted(now int64) int64 {
	if len(g.next.outbox) > 0 || g.due == registry.DueAtOnce && now < g.linger {
		return registry.DueAtOnce
	}
	return earliest(g.kept)
}

// earliest is when the first alarm is to run, 0 for never.
func earliest(alarms []*alarm) (at int64) {
	for _, al := range alarms {
		if at == 0 || al.at() < at {
			at = al.at()
		}
	}
	return at
}

// wakeAt is when the actor is to be woken if nobody calls it, 0 for never.
func (g *agenda) wakeAt(now int64) int64 {
	at := g.nextAlarm
	if g.due != registry.DueAtOnce {
		return at
	}
	look := g.linger
	if len(g.outbox) > 0 {
		look = now + sendsLookedAt.Milliseconds()
	}
	if at == 0 || look < at {
		at = look
	}
	return at
}

// stored notes that the writes have been committed. There may be something to deliver.
func (g *agenda) stored() {
	g.committed, g.nextAlarm = g.kept, earliest(g.kept)
	g.mine = g.next.mine
	g.outbox, g.due, g.linger = g.next.outbox, g.next.due, g.next.linger
	g.outboxBytes = 0
	for _, m := range g.outbox {
		g.outboxBytes += m.bytes()
	}
	if g.dead >= 0 {
		g.dead += len(g.buried)
	}
	if g.courier != nil {
		g.courier.committed(g.next.settled, g.sent)
	}
	g.next.outbox, g.next.settled = nil, nil
	g.sent, g.sentKept, g.buried, g.exhumed = nil, 0, nil, nil
	g.inbox.stored()
}

// clearing are the writes that delete it with the actor. How far it is with the messages of others stays: they may
// come again.
func (g *agenda) clearing(claim *registry.Claim) []registry.Write {
	out := []registry.Write{{Key: alarmPart, End: kv.PrefixEnd(alarmPart)},
		{Key: outboxPart, End: kv.PrefixEnd(outboxPart)}}
	if g != nil {
		out = append(out, claim.MoveDue(g.due, 0)...)
	}
	return out
}

// bury makes a dead letter part of the batch.
func (g *agenda) bury(d *registry.DeadLetter, why error) {
	explain(d, why)
	g.buried = append(g.buried, d)
}
