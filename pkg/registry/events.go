// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"math"
	"time"
	"unicode/utf8"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// What a node tells of itself and its actors would die with its process, and is wanted most when that has died. So
// each node stores its events, a batch at a time: event/{node}/{number}. Their numbers go on from one process of a
// node's name to the next. A join reads the last one that is stored, and a batch is stored under the fence of the
// node: of two processes with one name, the former stores nothing any more once the latter has read where to go on.
//
// A node deletes its own old events when it stores new ones. Those of a node that does not come back are deleted by
// others, once the newest is old (DropOldEvents).

const (
	// eventCauseBytesMax bounds what is stored of a cause: it may quote what an author's code has said.
	eventCauseBytesMax = 4 << 10
	// eventNodesAtOnce is how many nodes' events a transaction of DropOldEvents looks at.
	eventNodesAtOnce = 100
	// eventsLookedAt is how many of the newest events of a node DropOldEvents looks at for one that can be read.
	eventsLookedAt = 10
)

// eventRecord is an event as it is stored. Who tells it, and its number, are in the key.
type eventRecord struct {
	// Millis is when, in milliseconds since 1970 by the clock of the node that tells it.
	Millis      int64  `msgpack:"ms"`
	Kind        string `msgpack:"kind"`
	Node        string `msgpack:"node,omitempty"`
	Actor       string `msgpack:"actor,omitempty"`
	Incarnation string `msgpack:"incarnation,omitempty"`
	Count       int    `msgpack:"count,omitempty"`
	From        string `msgpack:"from,omitempty"`
	To          string `msgpack:"to,omitempty"`
	Cause       string `msgpack:"cause,omitempty"`
}

func eventKey(node string, number uint64) []byte {
	return tuple.Pack(Prefix, kindEvent, node, int64(number))
}

// eventRange is the range of the keys of a node's events.
func eventRange(node string) (begin, end []byte) {
	return eventKey(node, 0), kv.KeyAfter(eventKey(node, math.MaxInt64))
}

// newEventRecord is what is stored of an event.
func newEventRecord(e *api.Event) eventRecord {
	r := eventRecord{Kind: e.Kind, Node: e.Node, Actor: e.Actor, Incarnation: e.Incarnation, Count: e.Count,
		From: e.From, To: e.To, Cause: e.Cause}
	if at := MarkOf(e).At; !at.IsZero() {
		r.Millis = at.UnixMilli()
	}
	if len(r.Cause) > eventCauseBytesMax {
		cut := eventCauseBytesMax
		for cut > 0 && !utf8.RuneStart(r.Cause[cut]) {
			cut--
		}
		r.Cause = r.Cause[:cut] + "..."
	}
	return r
}

// event is what was stored.
func (r *eventRecord) event(by string, number uint64) api.Event {
	return api.Event{Time: time.UnixMilli(r.Millis).UTC().Format(api.TimeLayout), By: by, Number: number, Kind: r.Kind,
		Node: r.Node, Actor: r.Actor, Incarnation: r.Incarnation, Count: r.Count, From: r.From, To: r.To,
		Cause: r.Cause}
}

// storedEvent is an event with what of it could be read.
type storedEvent struct {
	by     string
	number uint64
	record eventRecord
}

// decodeEvent reads a pair. If only the record can't be read the error is CodeCorruptState.
func decodeEvent(p kv.KeyValue) (e storedEvent, err error) {
	t, err := tuple.Unpack(p.Key)
	if err == nil && len(t) == 4 && t[0] == Prefix && t[1] == kindEvent {
		by, ok1 := t[2].(string)
		number, ok2 := t[3].(int64)
		if ok1 && ok2 && number >= 0 {
			e.by, e.number = by, uint64(number)
			err = decodeRecord(p.Key, p.Value, &e.record)
			if err == nil && e.record.Kind == "" {
				err = api.Errorf(api.CodeCorruptState, "store: the value of key %q is no event", p.Key)
			}
			if err != nil {
				e.record = eventRecord{}
			}
			return e, err
		}
	}
	return e, api.Errorf(api.CodeInternal, "store: %x is not the key of an event", p.Key)
}

// at is when it happened, the zero time if that can't be read.
func (e *storedEvent) at() time.Time {
	if e.record.Millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(e.record.Millis)
}

// lastEvent returns the number of the last event that a node has stored, 0 if there is none.
func lastEvent(ctx context.Context, r kv.Reader, node string) (uint64, error) {
	begin, end := eventRange(node)
	pairs, _, err := r.Range(ctx, begin, end, kv.RangeOptions{Limit: 1, Reverse: true})
	if err != nil || len(pairs) == 0 {
		return 0, err
	}
	e, _ := decodeEvent(pairs[0]) // of a damaged one the number is known; a key that is none keeps no node from joining
	return e.number, nil
}

// EventMark says of an event that is stored which it is, and when it happened by the clock of its node: the zero time
// if that can't be read.
type EventMark struct {
	Number uint64
	At     time.Time
}

// MarkOf is the mark of an event.
func MarkOf(e *api.Event) EventMark {
	at, _ := time.Parse(time.RFC3339, e.Time) // or the zero time
	return EventMark{e.Number, at}
}

// EventOld reports whether an event is no longer kept: it happened too long ago, or by a clock that was ahead by as
// much.
func EventOld(at, now time.Time) bool { return now.Sub(at).Abs() > api.EventsKeptFor }

// EventMarks returns what a node has stored, in order of number.
func (r *Registry) EventMarks(ctx context.Context, node string) ([]EventMark, error) {
	begin, end := eventRange(node)
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) ([]EventMark, error) {
		var out []EventMark
		err := kv.Scan(ctx, tx.Snapshot(), begin, end, kv.RangeOptions{}, func(p kv.KeyValue) error {
			if e, err := decodeEvent(p); err == nil || damaged(err) {
				out = append(out, EventMark{e.number, e.at()})
			}
			return nil
		})
		return out, err
	})
}

// StoreEvents stores events of a member, and deletes those of it whose numbers are below from. Doing it again has the
// same effect. It is CodeFenced, and nothing is done, if the lease is no longer the member's. After other errors it
// may have been done. It blocks until the outcome is known or ctx ends.
func (r *Registry) StoreEvents(ctx context.Context, m *Member, events []api.Event, from uint64) error {
	id, _ := m.lease()
	_, err := run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		proof, err := readProof(ctx, tx, tx, id)
		if err != nil {
			return struct{}{}, err
		}
		if proof.Fenced(m) {
			return struct{}{}, api.Errorf(api.CodeFenced, "node %s has lost its lease: its events are not stored", id)
		}
		if from > 0 {
			tx.ClearRange(eventKey(id, 0), eventKey(id, from))
		}
		for i := range events {
			record := newEventRecord(&events[i])
			tx.Set(eventKey(id, events[i].Number), encodeRecord(&record))
		}
		return struct{}{}, nil
	})
	return err
}

// EventsPage is a part of what nodes have stored.
type EventsPage struct {
	// Events are in order of node and number. What can't be read is of kind api.EventCorrupt.
	Events []api.Event
	// Next is for the next page, nil if there is none.
	Next []byte
}

// Events returns one page of the events that nodes have stored, those of one node after those of another, in order of
// number: of those that happened since a time, by the clock of their node, or all if it is zero. It begins after Next
// of the page before, nil for the first. Those that can't be read are in it whatever the time.
func (r *Registry) Events(ctx context.Context, since time.Time, after []byte) (EventsPage, error) {
	begin, end := kindRange(kindEvent)
	if after != nil {
		begin = kv.KeyAfter(after)
		if kind, _ := KindOf(after); kind != kindEvent {
			return EventsPage{}, api.Errorf(api.CodeInvalidArgument, "%x does not continue a list of events", after)
		}
	}
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (page EventsPage, err error) {
		pairs, more, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: pageRows})
		if err != nil {
			return page, err
		}
		for _, p := range pairs {
			e, err := decodeEvent(p)
			switch {
			case damaged(err):
				page.Events = append(page.Events, api.Event{By: e.by, Number: e.number, Kind: api.EventCorrupt,
					Cause: messageOf(err)})
			case err == nil && (since.IsZero() || !e.at().Before(since)):
				page.Events = append(page.Events, e.record.event(e.by, e.number))
			} // other keys are for store check
		}
		if more && len(pairs) > 0 {
			page.Next = pairs[len(pairs)-1].Key
		}
		return page, nil
	})
}

// DropOldEvents deletes the events of every node that has stored none for longer than they are kept, by now, and
// returns the names of those nodes. It writes only if there are any. It takes a transaction for every hundred nodes.
func (r *Registry) DropOldEvents(ctx context.Context, now time.Time) (nodes []string, err error) {
	begin, end := kindRange(kindEvent)
	for begin != nil && err == nil {
		type page struct {
			dropped []string
			next    []byte // nil is the end
		}
		var p page
		p, err = run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (p page, err error) {
			p.next = begin
			for range eventNodesAtOnce {
				var dropped string
				if dropped, p.next, err = dropOldEvents(ctx, tx, p.next, end, now); err != nil || p.next == nil {
					break
				}
				if dropped != "" {
					p.dropped = append(p.dropped, dropped)
				}
			}
			return p, err
		})
		nodes, begin = append(nodes, p.dropped...), p.next
	}
	return nodes, err
}

// dropOldEvents deletes the events of the first node from begin on if its newest are old. It returns the node if it
// did, and where the next one begins, nil if there was none.
func dropOldEvents(ctx context.Context, tx kv.Tx, begin, end []byte, now time.Time) (node string, next []byte,
	err error) {
	first, _, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: 1})
	if err != nil || len(first) == 0 {
		return "", nil, err
	}
	e, err := decodeEvent(first[0])
	if err != nil && !damaged(err) {
		return "", kv.KeyAfter(first[0].Key), nil // it is for store check
	}
	from, to := eventRange(e.by)
	_, next = kindRange(kindEvent, e.by)
	newest, _, err := tx.Snapshot().Range(ctx, from, to, kv.RangeOptions{Limit: eventsLookedAt, Reverse: true})
	if err != nil {
		return "", nil, err
	}
	for _, p := range newest {
		if known, err := decodeEvent(p); err == nil {
			if !EventOld(known.at(), now) {
				return "", next, nil
			}
			tx.ClearRange(from, kv.KeyAfter(newest[0].Key))
			return e.by, next, nil
		}
	}
	return "", next, nil
}
