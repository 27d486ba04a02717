// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// recordsBytesMax is, beside the node's MaxRecords, what an actor keeps for repeats, not counting what clients have
	// acknowledged. When it is exceeded an eighth is dropped, the oldest births first.
	recordsBytesMax = 512 << 10
	// recordBodyBytesMax is the size of the largest reply that is kept. A repeat of a call
	// with a larger one learns only that it was done.
	recordBodyBytesMax = 64 << 10
	// recordsYoung is how far behind the store's versions a birth is that calls in flight may have too, and callers that
	// were given it a moment ago: a minute. Such records are kept until there are recordsCrowdMax times too many: without
	// them, the floor would refuse calls that have never run.
	recordsYoung    = 60_000_000
	recordsCrowdMax = 8
	// recordVersionsMax is how far the birth of a record may be behind the store's versions, which grow by about a million a
	// second: a quarter of an hour, or a few recoveries of the store.
	recordVersionsMax = 1_000_000_000
)

// ledger is an actor's records: what makes a call that is repeated under its key have its effect once. It holds all of them,
// in order of their keys. A record is dropped when its client has said that it has the answer, unless it is the client's
// newest: that one says what the client has said. Else the oldest go when there are too many or they are very old, and
// raise the floor: what was born below it and has no record may have been among them, and is refused.
type ledger struct {
	records []*record
	most    int // how many are to be kept
	bytes   int
	floor   uint64
	// oldest is at most the least birth of all records.
	oldest uint64
	// The present batch's share.
	added, dropped []*record
	floorBefore    uint64
}

// loadLedger decodes the stored records. Errors are CodeCorruptState.
func loadLedger(entries []registry.Entry, most int) (*ledger, error) {
	l := &ledger{most: most}
	for _, e := range entries {
		if len(e.Key) == len(recordPart) {
			if len(e.Value) != 8 {
				return nil, api.Errorf(api.CodeCorruptState, "the floor of the records of calls can't be read")
			}
			l.floor = binary.BigEndian.Uint64(e.Value)
			continue
		}
		r, err := decodeRecord(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		l.insert(r)
	}
	l.floorBefore = l.floor
	return l, nil
}

func (l *ledger) search(k *api.CallKey) (int, bool) {
	return slices.BinarySearchFunc(l.records, k, func(r *record, k *api.CallKey) int { return compareKeys(&r.key, k) })
}

func (l *ledger) insert(r *record) {
	if len(l.records) == 0 || r.key.Birth < l.oldest {
		l.oldest = r.key.Birth
	}
	i, _ := l.search(&r.key)
	l.records = slices.Insert(l.records, i, r)
	l.bytes += r.bytes()
}

func (l *ledger) remove(r *record) {
	if i, ok := l.search(&r.key); ok {
		l.records = slices.Delete(l.records, i, i+1)
		l.bytes -= r.bytes()
	}
}

// find returns the answer to a call that must not run: because it has run, or because nobody can say that it has not.
func (l *ledger) find(c *call) (answer, bool) {
	i, ok := l.search(&c.key)
	switch {
	case ok:
		return l.records[i].answer(c), true
	case c.key.Name == "" && c.key.Counter < l.settled(i, &c.key):
		return answer{call: c, err: errForgotten(c, "its caller has had the answer")}, true
	case c.key.Birth < l.floor:
		return answer{call: c, err: errForgotten(c, "the actor no longer has records that old")}, true
	}
	return answer{}, false
}

// settled returns below which counter a client repeats no calls such as one, as far as its records tell; i is among them.
func (l *ledger) settled(i int, k *api.CallKey) (below uint64) {
	from, to := l.ofClient(i, k.Client)
	for _, r := range l.records[from:to] {
		below = max(below, r.key.Settled(k.Path != ""))
	}
	return below
}

// ofClient returns the range of a client's records, among or next to which i is.
func (l *ledger) ofClient(i int, client string) (from, to int) {
	from, to = i, i
	for from > 0 && l.records[from-1].key.Client == client && l.records[from-1].key.Name == "" {
		from--
	}
	for to < len(l.records) && l.records[to].key.Client == client && l.records[to].key.Name == "" {
		to++
	}
	return from, to
}

// answer is what a repeat of the call is told.
func (r *record) answer(c *call) answer {
	switch {
	case r.request != requestHash(c):
		return answer{call: c, err: api.Errorf(api.CodeFailedPrecondition, "actor %s: idempotency key %q was used for another request", c.actor, clip(c.key.String()))}
	case r.omitted > 0:
		return answer{call: c, err: api.Errorf(api.CodeFailedPrecondition, "actor %s: the call with idempotency key %q was done; its reply of %d bytes was too large to keep", c.actor, clip(c.key.String()), r.omitted)}
	case r.err != nil:
		return answer{call: c, err: r.err}
	}
	return answer{call: c, body: r.body}
}

// add records the answer of a call that has run. Only what the actor itself decided is kept: any other failure is
// one that a repeat may overcome.
func (l *ledger) add(a *answer) {
	r := &record{key: a.call.key, request: requestHash(a.call), body: a.body}
	r.key.Time = 0
	if a.err != nil {
		if api.CodeOf(a.err) != api.CodeApplication {
			return
		}
		r.err = wireError(a.err)
	}
	if len(r.body) > recordBodyBytesMax {
		r.omitted, r.body = len(r.body), nil
	}
	if r.key.Name == "" {
		l.acknowledge(&r.key)
	}
	l.insert(r)
	l.added = append(l.added, r)
	a.writes = true
}

// acknowledge drops what the client of a new call no longer needs. Of its calls from outside, and of those that handlers have made
// for it, the newest stays, for what its key says. The new call is going to be one.
func (l *ledger) acknowledge(k *api.CallKey) {
	i, _ := l.search(k)
	from, to := l.ofClient(i, k.Client)
	var newest [2]uint64
	newest[fromHandlers(k)] = k.Counter
	for _, r := range l.records[from:to] {
		of := fromHandlers(&r.key)
		newest[of] = max(newest[of], r.key.Counter)
	}
	for _, r := range slices.Clone(l.records[from:to]) {
		if r.key.Counter < k.Settled(r.key.Path != "") && r.key.Counter < newest[fromHandlers(&r.key)] {
			l.drop(r)
		}
	}
}

func fromHandlers(k *api.CallKey) int {
	if k.Path != "" {
		return 1
	}
	return 0
}

func (l *ledger) drop(r *record) {
	l.remove(r)
	l.dropped = append(l.dropped, r)
}

// age drops what is too old at a version of the store, and the oldest of what is too much, and raises the floor above it.
// What the present batch has added stays.
func (l *ledger) age(now uint64) {
	horizon := before(now, recordVersionsMax)
	switch {
	case l.exceeds(recordsCrowdMax, 1):
		l.prune(func(r *record) bool { return r.key.Birth < horizon || l.exceeds(7*recordsCrowdMax, 8) })
	case l.exceeds(1, 1) && l.oldest < before(now, recordsYoung):
		young := before(now, recordsYoung)
		l.prune(func(r *record) bool { return r.key.Birth < horizon || r.key.Birth < young && l.exceeds(7, 8) })
	case len(l.records) > 0 && l.oldest < horizon:
		l.prune(func(r *record) bool { return r.key.Birth < horizon })
	}
}

// exceeds reports whether there is more than a part, of n to d, of what an actor keeps.
func (l *ledger) exceeds(n, d int) bool {
	return len(l.records)*d > l.most*n || l.bytes*d > recordsBytesMax*n
}

// prune drops records in order of their births, as long as they are to be dropped.
func (l *ledger) prune(drop func(r *record) bool) {
	byBirth := slices.Clone(l.records)
	slices.SortStableFunc(byBirth, func(a, b *record) int { return cmp.Compare(a.key.Birth, b.key.Birth) })
	for _, r := range byBirth {
		if !drop(r) {
			l.oldest = r.key.Birth
			return
		}
		if !slices.Contains(l.added, r) {
			l.drop(r)
			l.floor = max(l.floor, r.key.Birth+1)
		}
	}
}

// before is the version that is so much less, 0 at the least.
func before(version, by uint64) uint64 { return version - min(version, by) }

// writes returns what makes the batch's share durable.
func (l *ledger) writes() []registry.Write {
	if len(l.added) == 0 && len(l.dropped) == 0 {
		return nil
	}
	out := make([]registry.Write, 0, len(l.added)+len(l.dropped)+1)
	for _, r := range l.added {
		out = append(out, registry.Write{Key: recordKey(&r.key), Value: r.encode()})
	}
	for _, r := range l.dropped { // those that the batch has added too
		out = append(out, registry.Write{Key: recordKey(&r.key)})
	}
	if l.floor != l.floorBefore {
		out = append(out, registry.Write{Key: recordPart, Value: binary.BigEndian.AppendUint64(nil, l.floor)})
	}
	return out
}

// stored notes that the batch has been committed.
func (l *ledger) stored() { l.added, l.dropped, l.floorBefore = nil, nil, l.floor }

// revert undoes the batch's share.
func (l *ledger) revert() {
	for _, r := range l.dropped {
		l.insert(r)
	}
	for _, r := range l.added {
		l.remove(r)
	}
	l.added, l.dropped, l.floor = nil, nil, l.floorBefore
}

// errForgotten refuses a call of which nobody can say whether it has run.
func errForgotten(c *call, why string) error {
	err := api.Errorf(api.CodeUnknown, "actor %s: whether call %s has run is not known: %s", c.actor, clip(c.key.String()), why)
	err.Detail = map[string]string{api.DetailFinal: "true"}
	return err
}
