// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// recordsBytesMax is, beside the node's MaxRecords, how much an actor keeps of its clients' calls for repeats,
	// not counting what they have acknowledged. When it is exceeded an eighth is dropped, the oldest births first.
	recordsBytesMax = 512 << 10
	// recordsYoung is how far behind the store's versions a birth is that calls in flight may have too, and callers
	// that were given it a moment ago: a minute. Such records are kept until there are recordsCrowdMax times too
	// many.
	recordsYoung    = 60_000_000
	recordsCrowdMax = 8
	// recordVersionsMax is how far the birth of a record may be behind the store's versions, which grow by about a
	// million a second: a quarter of an hour, or a few recoveries of the store. Records of named calls are kept for
	// that long.
	recordVersionsMax = 1_000_000_000
	// namedBytesOfRecord times the node's MaxRecords is how much an actor keeps of named calls, within the two
	// bounds: 16 MiB by default, which is some 50,000 calls. New ones are refused when it is full.
	namedBytesOfRecord = 16 << 10
	namedBytesMin      = 1 << 20
	namedBytesMax      = 32 << 20
	// bodiesBytesMax bounds the replies that an actor keeps outside of its records, and volatileBodiesMax those of a
	// volatile actor, which are in memory. Replies that are not young give way first.
	bodiesBytesMax    = 256 << 20
	volatileBodiesMax = 16 << 20
	// prunedMax is how many records one commit drops because of their age or number: their deletions must fit it.
	prunedMax = 4000
	// birthsAheadMax is how far a birth may be ahead of the versions that the owner knows: callers learn them from
	// other nodes, whose last heartbeat may be newer. Of one further ahead the store is asked.
	birthsAheadMax = 10_000_000
	// birthOfRestored is the birth of records that come from a backup, whose versions mean nothing in another store.
	birthOfRestored = 1
)

// ledger is an actor's records: what makes a call that is repeated under its key have its effect once. It holds all
// of them, in order of their keys.
//
// A record of a client's call is dropped when the client has said that it has the answer, unless it is the client's
// newest: that one says what the client has said. Else the oldest go when there are too many or they are very old,
// and raise the floor: what was born below it and has no record may have been among them, and is refused.
//
// A record of a named call has as its birth the version at which the call ran, and is dropped when that is very old,
// and not before: the repeat may come from another process, whose births are fresh. What was born that long ago and
// has no record is refused. When there is no room for more, new named calls are refused before they run.
type ledger struct {
	records []*record
	most    int // how many of clients are to be kept
	// volatile actors have nothing in the store: their replies are in memory, however large.
	volatile       bool
	clients, names recordGroup
	// bodies is how many bytes there are of replies that are not part of their records.
	bodies      int
	floor       uint64
	floorBefore uint64
	// ledgerBatch is the present batch's share: the zero one most of the time, when it takes no room.
	*ledgerBatch
}

// ledgerBatch is what a batch changes of a ledger.
type ledgerBatch struct {
	added, dropped []*record
	shed           []shedBody
	addedBytes     int
}

// noBatch is that of a ledger that nothing has changed. It is never written.
var noBatch = new(ledgerBatch)

// batch returns the batch's share, to be changed.
func (l *ledger) batch() *ledgerBatch {
	if l.ledgerBatch == noBatch {
		l.ledgerBatch = new(ledgerBatch)
	}
	return l.ledgerBatch
}

// recordGroup is what there is of the records of clients, or of those of named calls.
type recordGroup struct {
	count, bytes int
	// oldest is at most the least birth of all of them.
	oldest uint64
}

// shedBody is a reply that a record has lost.
type shedBody struct {
	of   *record
	body []byte
	away int
}

// loadLedger decodes the stored records, as of a version of the store. It mends what can't be: a floor or a birth
// ahead of the store, which would keep everybody out, and births from another store. Errors are CodeCorruptState.
func loadLedger(entries []registry.Entry, most int, volatile bool, now uint64) (*ledger, error) {
	l := &ledger{most: most, volatile: volatile, ledgerBatch: noBatch}
	for _, e := range entries {
		if len(e.Key) == len(recordPart) {
			if len(e.Value) != 8 {
				return nil, api.Errorf(api.CodeCorruptState, "the floor of the records of calls can't be read")
			}
			l.floor = min(binary.BigEndian.Uint64(e.Value), now)
			continue
		}
		r, err := decodeRecord(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		if r.key.Birth <= birthOfRestored || r.key.Birth > now && r.key.Birth-now > birthsAheadMax {
			r.key.Birth = now
		}
		l.insert(r)
	}
	l.floorBefore = l.floor
	return l, nil
}

func (l *ledger) search(k *api.CallKey) (int, bool) {
	return slices.BinarySearchFunc(l.records, k, func(r *record, k *api.CallKey) int { return compareKeys(&r.key, k) })
}

// group returns the group that a call's record belongs to.
func (l *ledger) group(k *api.CallKey) *recordGroup {
	if k.Name != "" {
		return &l.names
	}
	return &l.clients
}

func (l *ledger) insert(r *record) {
	g := l.group(&r.key)
	if g.count == 0 || r.key.Birth < g.oldest {
		g.oldest = r.key.Birth
	}
	g.count++
	g.bytes += r.bytes()
	l.bodies += r.bodyBytes()
	i, _ := l.search(&r.key)
	l.records = slices.Insert(l.records, i, r)
}

func (l *ledger) remove(r *record) {
	if i, ok := l.search(&r.key); ok {
		l.records = slices.Delete(l.records, i, i+1)
		g := l.group(&r.key)
		g.count--
		g.bytes -= r.bytes()
		l.bodies -= r.bodyBytes()
	}
}

// find returns the record of a call that has run; or an error if nobody can say that it has not, at a version of the
// store; or neither if it is new.
func (l *ledger) find(c *call, now uint64) (*record, error) {
	i, ok := l.search(&c.key)
	switch {
	case ok:
		return l.records[i], nil
	case c.key.Name != "":
		if c.key.Birth < before(now, recordVersionsMax) {
			return nil, errOldBirth(c, now)
		}
	case c.key.Counter < l.settled(i, &c.key):
		return nil, errForgotten(c, "its caller has had the answer")
	case c.key.Birth < l.floor:
		return nil, errOldBirth(c, max(now, l.floor))
	}
	return nil, nil
}

// ahead reports whether a call says that it was born further ahead of a version of the store than another node's can
// be.
func ahead(k *api.CallKey, now uint64) bool {
	return k.Birth > now && k.Birth-now > birthsAheadMax
}

// settled returns below which counter a client repeats no calls such as one, as far as its records tell; i is among
// them.
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

// admit makes room for the record of a new call, at a version of the store. An error is CodeOverloaded: what there is
// must be kept.
func (l *ledger) admit(k *api.CallKey, now uint64) error {
	if k.Name == "" {
		if !l.exceeds(2*recordsCrowdMax, 1) { // beyond, they are born ahead of the store, and can't be dropped yet
			return nil
		}
		return errOverloaded(retryAfterMax, "the actor keeps the answers of %d calls that it can't forget yet",
			l.clients.count)
	}
	if !l.crowded() {
		return nil
	}
	if l.age(now); !l.crowded() {
		return nil
	}
	return errOverloaded(retryAfterMax, "the actor keeps the answers of %d named calls, for a quarter of an hour, "+
		"and has no room for more",
		l.names.count)
}

// crowded reports whether no more named calls fit.
func (l *ledger) crowded() bool {
	return l.names.bytes > min(max(l.most*namedBytesOfRecord, namedBytesMin), namedBytesMax)
}

// fits reports whether a reply can be kept.
func (l *ledger) fits(body []byte, now uint64) bool {
	if len(body) <= bodyInlineMax {
		return true
	}
	if l.bodies+len(body) > l.bodiesMax() {
		l.shedBodies(before(now, recordsYoung), l.bodiesMax()-len(body))
	}
	return l.bodies+len(body) <= l.bodiesMax()
}

func (l *ledger) bodiesMax() int {
	if l.volatile {
		return volatileBodiesMax
	}
	return bodiesBytesMax
}

// shedBodies drops replies of calls that were born before a version, the oldest first, until they take no more than
// so many bytes.
func (l *ledger) shedBodies(young uint64, most int) {
	for _, r := range l.byBirth() {
		if l.bodies <= most || r.key.Birth >= young {
			return
		}
		if size := r.bodyBytes(); size > 0 && !slices.Contains(l.added, r) {
			b := l.batch()
			b.shed = append(b.shed, shedBody{r, r.body, r.away})
			l.bodies -= size
			r.omitted, r.body, r.away = size, nil, 0
		}
	}
}

// byBirth returns the records in order of their births.
func (l *ledger) byBirth() []*record {
	out := slices.Clone(l.records)
	slices.SortStableFunc(out, func(a, b *record) int { return cmp.Compare(a.key.Birth, b.key.Birth) })
	return out
}

// add records the answer of a call that has run, at a version of the store. Only what the actor itself decided is
// kept: any other failure is one that a repeat may overcome.
func (l *ledger) add(a *answer, now uint64) {
	r := &record{key: a.call.key, request: requestHash(a.call), body: a.body}
	r.key.Time = 0
	if a.err != nil {
		if api.CodeOf(a.err) != api.CodeApplication {
			return
		}
		r.err = wireError(a.err)
	}
	if len(r.body) > bodyInlineMax && !l.volatile {
		r.away = len(r.body)
	}
	if r.key.Name == "" {
		l.acknowledge(&r.key)
	} else {
		// Its time counts from when it ran, as callers may have been given a version that is old; or from its birth,
		// if this node is behind.
		r.key.Birth = max(now, min(r.key.Birth, now+birthsAheadMax))
	}
	l.insert(r)
	b := l.batch()
	b.added = append(b.added, r)
	b.addedBytes += r.bytes() + r.bodyBytes()
	a.writes = true
}

// acknowledge drops what the client of a new call no longer needs. Of its calls from outside, and of those that
// handlers have made for it, the newest stays, for what its key says. The new call is going to be one.
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
	b := l.batch()
	b.dropped = append(b.dropped, r)
}

// age drops what is too old at a version of the store, and the oldest of what is too much of clients' calls, and
// raises the floor above it: never above that version. What the present batch has added stays.
func (l *ledger) age(now uint64) {
	horizon, young := before(now, recordVersionsMax), before(now, recordsYoung)
	old := func(r *record) bool { return r.key.Birth < horizon }
	switch c := &l.clients; {
	case l.exceeds(recordsCrowdMax, 1):
		l.prune(c, func(r *record) bool { return r.key.Birth <= now && (old(r) || l.exceeds(7*recordsCrowdMax, 8)) })
	case l.exceeds(1, 1) && c.oldest < young:
		l.prune(c, func(r *record) bool { return old(r) || r.key.Birth < young && l.exceeds(7, 8) })
	case c.count > 0 && c.oldest < horizon:
		l.prune(c, old)
	}
	if l.names.count > 0 && l.names.oldest < horizon {
		l.prune(&l.names, old)
	}
}

// exceeds reports whether there is more than a part, of n to d, of what an actor keeps of its clients' calls.
func (l *ledger) exceeds(n, d int) bool {
	return l.clients.count*d > l.most*n || l.clients.bytes*d > recordsBytesMax*n
}

// prune drops records of a group in order of their births, as long as they are to be dropped.
func (l *ledger) prune(g *recordGroup, drop func(r *record) bool) {
	pruned := 0
	g.oldest = math.MaxUint64
	for _, r := range l.byBirth() {
		if l.group(&r.key) != g {
			continue
		}
		if pruned >= prunedMax || !drop(r) {
			g.oldest = min(g.oldest, r.key.Birth)
			return
		}
		if slices.Contains(l.added, r) {
			g.oldest = min(g.oldest, r.key.Birth)
			continue
		}
		l.drop(r)
		pruned++
		if g == &l.clients {
			l.floor = max(l.floor, r.key.Birth+1)
		}
	}
}

// before is the version that is so much less, 0 at the least.
func before(version, by uint64) uint64 { return version - min(version, by) }

// batchBytes is about what the batch's share takes in a transaction.
func (l *ledger) batchBytes() int { return l.addedBytes }

// bytesHeld is about what it takes in memory.
func (l *ledger) bytesHeld() int {
	if l.volatile {
		return l.clients.bytes + l.names.bytes + l.bodies
	}
	return l.clients.bytes + l.names.bytes
}

// writes returns what makes the batch's share durable.
func (l *ledger) writes() []registry.Write {
	if len(l.added) == 0 && len(l.dropped) == 0 && len(l.shed) == 0 {
		return nil
	}
	out := make([]registry.Write, 0, len(l.added)+len(l.dropped)+len(l.shed)+1)
	for _, r := range l.added {
		out = append(out, registry.Write{Key: recordKey(&r.key), Value: r.encode()})
		out = append(out, r.bodyWrites()...)
	}
	for _, s := range l.shed {
		out = append(out, registry.Write{Key: recordKey(&s.of.key), Value: s.of.encode()}, bodyClearing(&s.of.key))
	}
	for _, r := range l.dropped { // those that the batch has added or shed too
		out = append(out, registry.Write{Key: recordKey(&r.key)})
		if r.away > 0 {
			out = append(out, bodyClearing(&r.key))
		}
	}
	if l.floor != l.floorBefore {
		out = append(out, registry.Write{Key: recordPart, Value: binary.BigEndian.AppendUint64(nil, l.floor)})
	}
	return out
}

// stored notes that the batch has been committed.
func (l *ledger) stored() {
	for _, r := range l.added {
		if r.away > 0 {
			r.body = nil
		}
	}
	l.settle()
}

// revert undoes the batch's share.
func (l *ledger) revert() {
	for _, s := range l.shed {
		s.of.omitted, s.of.body, s.of.away = 0, s.body, s.away
		if _, there := l.search(&s.of.key); there {
			l.bodies += s.of.bodyBytes()
		}
	}
	for _, r := range l.dropped {
		l.insert(r)
	}
	for _, r := range l.added {
		l.remove(r)
	}
	l.floor = l.floorBefore
	l.settle()
}

func (l *ledger) settle() {
	l.ledgerBatch, l.floorBefore = noBatch, l.floor
}

// errForgotten refuses a call of which nobody can say whether it has run.
func errForgotten(c *call, why string) *api.Error {
	err := api.Errorf(api.CodeUnknown, "actor %s: whether call %s has run is not known: %s", c.actor,
		clip(c.key.String()), why)
	err.Detail = map[string]string{api.DetailFinal: "true"}
	return err
}

// errOldBirth refuses a call for its birth: its record, if it has run, may have been dropped. now is a version from
// which on calls are not refused.
func errOldBirth(c *call, now uint64) *api.Error {
	err := errForgotten(c, "the actor no longer has records that old")
	err.Detail[api.DetailBirth] = strconv.FormatUint(now, 10)
	return err
}

// errFutureBirth refuses a call that can't have been born in this store.
func errFutureBirth(c *call, now uint64) *api.Error {
	err := errForgotten(c, "it says that it was born at version "+strconv.FormatUint(c.key.Birth, 10)+
		", which the store has not reached: was it restored?")
	err.Detail[api.DetailBirth] = strconv.FormatUint(now, 10)
	return err
}
