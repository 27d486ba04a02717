// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package dedup

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// DefaultMaxRecords is how many answers an actor keeps, if its node is not told otherwise.
const DefaultMaxRecords = 1000

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
	// BirthOfRestored is the birth of records that come from a backup, whose versions mean nothing in another store.
	BirthOfRestored = 1
)

// Table is an actor's dedup table: what makes a call that is repeated under its key have its effect once. It holds all
// of them, in order of their keys.
//
// A record of a client's call is dropped when the client has said that it has the answer, unless it is the client's
// newest: that one says what the client has said. Else the oldest go when there are too many or they are very old,
// and raise the floor: what was born below it and has no record may have been among them, and is refused.
//
// A record of a named call has as its birth the version at which the call ran, and is dropped when that is very old,
// and not before: the repeat may come from another process, whose births are fresh. What was born that long ago and
// has no record is refused. When there is no room for more, new named calls are refused before they run.
type Table struct {
	entries []*Entry
	most    int // how many of clients are to be kept
	// Volatile actors have nothing in the store: their replies are in memory, however large.
	volatile       bool
	clients, names entryGroup
	// Bodies is how many bytes there are of replies that are not part of their records.
	Bodies      int
	lowWater    uint64
	floorBefore uint64
	// ledgerBatch is the present batch's share: the zero one most of the time, when it takes no room.
	*tableBatch
}

// tableBatch is what a batch changes of a dedup table.
type tableBatch struct {
	Added, dropped []*Entry
	shed           []shedBody
	addedBytes     int
}

// NoBatch is that of a dedup table that nothing has changed. It is never written.
var noBatch = new(tableBatch)

// batch returns the batch's share, to be changed.
func (l *Table) batch() *tableBatch {
	if l.tableBatch == noBatch {
		l.tableBatch = new(tableBatch)
	}
	return l.tableBatch
}

// entryGroup is what there is of the records of clients, or of those of named calls.
type entryGroup struct {
	count, bytes int
	// oldest is at most the least birth of all of them.
	oldest uint64
}

// shedBody is a reply that a record has lost.
type shedBody struct {
	of   *Entry
	body []byte
	away int
}

// Forgotten returns the dedup table of an actor whose earlier calls are not known. It refuses calls that were born by
// floor, unless they have never run.
func Forgotten(most int, volatile bool, floor uint64) *Table {
	return &Table{most: most, volatile: volatile, lowWater: floor, tableBatch: noBatch}
}

// LoadLedger decodes the stored records, as of a version of the store. It mends what can't be: a floor or a birth
// ahead of the store, which would keep everybody out, and births from another store. Errors are CodeCorruptState.
func Load(entries []registry.Entry, most int, volatile bool, now uint64) (*Table, error) {
	l := &Table{most: most, volatile: volatile, tableBatch: noBatch}
	for _, e := range entries {
		if len(e.Key) == len(statekeys.Dedup) {
			if len(e.Value) != 8 {
				return nil, api.Errorf(api.CodeCorruptState, "the floor of the records of calls can't be read")
			}
			l.lowWater = min(binary.BigEndian.Uint64(e.Value), now)
			continue
		}
		r, err := DecodeEntry(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		if r.Key.Birth <= BirthOfRestored || r.Key.Birth > now && r.Key.Birth-now > birthsAheadMax {
			r.Key.Birth = now
		}
		l.insert(r)
	}
	l.floorBefore = l.lowWater
	return l, nil
}

func (l *Table) search(k *api.CallKey) (int, bool) {
	return slices.BinarySearchFunc(l.entries, k, func(r *Entry, k *api.CallKey) int { return compareKeys(&r.Key, k) })
}

// group returns the group that a call's record belongs to.
func (l *Table) group(k *api.CallKey) *entryGroup {
	if k.Name != "" {
		return &l.names
	}
	return &l.clients
}

func (l *Table) insert(r *Entry) {
	g := l.group(&r.Key)
	if g.count == 0 || r.Key.Birth < g.oldest {
		g.oldest = r.Key.Birth
	}
	g.count++
	g.bytes += r.bytes()
	l.Bodies += r.bodyBytes()
	i, _ := l.search(&r.Key)
	l.entries = slices.Insert(l.entries, i, r)
}

func (l *Table) remove(r *Entry) {
	if i, ok := l.search(&r.Key); ok {
		l.entries = slices.Delete(l.entries, i, i+1)
		g := l.group(&r.Key)
		g.count--
		g.bytes -= r.bytes()
		l.Bodies -= r.bodyBytes()
	}
}

// Find returns the record of a call that has run; or an error if nobody can say that it has not, at a version of the
// store; or neither if it is new.
func (l *Table) Find(c *call.Call, now uint64) (*Entry, error) {
	i, ok := l.search(&c.Key)
	switch {
	case ok:
		return l.entries[i], nil
	case c.Key.Name != "":
		if c.Key.Birth < before(now, recordVersionsMax) {
			return nil, errOldBirth(c, now)
		}
	case c.Key.Counter < l.settled(i, &c.Key):
		return nil, errForgotten(c, "its caller has had the answer")
	case c.Key.Birth < l.lowWater:
		return nil, errOldBirth(c, max(now, l.lowWater))
	}
	return nil, nil
}

// Ahead reports whether a call says that it was born further ahead of a version of the store than another node's can
// be.
func Ahead(k *api.CallKey, now uint64) bool {
	return k.Birth > now && k.Birth-now > birthsAheadMax
}

// settled returns below which counter a client repeats no calls such as one, as far as its records tell; i is among
// them.
func (l *Table) settled(i int, k *api.CallKey) (below uint64) {
	from, to := l.ofClient(i, k.Client)
	for _, r := range l.entries[from:to] {
		below = max(below, r.Key.Settled(k.Path != ""))
	}
	return below
}

// ofClient returns the range of a client's records, among or next to which i is.
func (l *Table) ofClient(i int, client string) (from, to int) {
	from, to = i, i
	for from > 0 && l.entries[from-1].Key.Client == client && l.entries[from-1].Key.Name == "" {
		from--
	}
	for to < len(l.entries) && l.entries[to].Key.Client == client && l.entries[to].Key.Name == "" {
		to++
	}
	return from, to
}

// Admit makes room for the record of a new call, at a version of the store. An error is CodeOverloaded: what there is
// must be kept.
func (l *Table) Admit(k *api.CallKey, now uint64) error {
	if k.Name == "" {
		if !l.exceeds(2*recordsCrowdMax, 1) { // beyond, they are born ahead of the store, and can't be dropped yet
			return nil
		}
		return call.ErrOverloaded(call.RetryAfterMax,
			"the actor keeps the answers of %d calls that it can't forget yet",
			l.clients.count)
	}
	if !l.crowded() {
		return nil
	}
	if l.Age(now); !l.crowded() {
		return nil
	}
	return call.ErrOverloaded(call.RetryAfterMax, "the actor keeps the answers of %d named calls, for a quarter of "+
		"an hour, "+
		"and has no room for more",
		l.names.count)
}

// crowded reports whether no more named calls fit.
func (l *Table) crowded() bool {
	return l.names.bytes > min(max(l.most*namedBytesOfRecord, namedBytesMin), namedBytesMax)
}

// Fits reports whether a reply can be kept.
func (l *Table) Fits(body []byte, now uint64) bool {
	if len(body) <= bodyInlineMax {
		return true
	}
	if l.Bodies+len(body) > l.bodiesMax() {
		l.shedBodies(before(now, recordsYoung), l.bodiesMax()-len(body))
	}
	return l.Bodies+len(body) <= l.bodiesMax()
}

func (l *Table) bodiesMax() int {
	if l.volatile {
		return volatileBodiesMax
	}
	return bodiesBytesMax
}

// shedBodies drops replies of calls that were born before a version, the oldest first, until they take no more than
// so many bytes.
func (l *Table) shedBodies(young uint64, most int) {
	for _, r := range l.byBirth() {
		if l.Bodies <= most || r.Key.Birth >= young {
			return
		}
		if size := r.bodyBytes(); size > 0 && !slices.Contains(l.Added, r) {
			b := l.batch()
			b.shed = append(b.shed, shedBody{r, r.Body, r.Away})
			l.Bodies -= size
			r.omitted, r.Body, r.Away = size, nil, 0
		}
	}
}

// byBirth returns the records in order of their births.
func (l *Table) byBirth() []*Entry {
	out := slices.Clone(l.entries)
	slices.SortStableFunc(out, func(a, b *Entry) int { return cmp.Compare(a.Key.Birth, b.Key.Birth) })
	return out
}

// Add records the answer of a call that has run, at a version of the store. Only what the actor itself decided is
// kept: any other failure is one that a repeat may overcome.
func (l *Table) Add(a *call.Answer, now uint64) {
	r := &Entry{Key: a.Call.Key, request: RequestHash(a.Call), Body: a.Body}
	r.Key.Time = 0
	if a.Err != nil {
		if api.CodeOf(a.Err) != api.CodeApplication {
			return
		}
		r.err = call.WireError(a.Err)
	}
	if len(r.Body) > bodyInlineMax && !l.volatile {
		r.Away = len(r.Body)
	}
	if r.Key.Name == "" {
		l.acknowledge(&r.Key)
	} else {
		// Its time counts from when it ran, as callers may have been given a version that is old; or from its birth,
		// if this node is behind.
		r.Key.Birth = max(now, min(r.Key.Birth, now+birthsAheadMax))
	}
	l.insert(r)
	b := l.batch()
	b.Added = append(b.Added, r)
	b.addedBytes += r.bytes() + r.bodyBytes()
	a.Writes = true
}

// acknowledge drops what the client of a new call no longer needs. Of its calls from outside, and of those that
// handlers have made for it, the newest stays, for what its key says. The new call is going to be one.
func (l *Table) acknowledge(k *api.CallKey) {
	i, _ := l.search(k)
	from, to := l.ofClient(i, k.Client)
	var newest [2]uint64
	newest[fromHandlers(k)] = k.Counter
	for _, r := range l.entries[from:to] {
		of := fromHandlers(&r.Key)
		newest[of] = max(newest[of], r.Key.Counter)
	}
	for _, r := range slices.Clone(l.entries[from:to]) {
		if r.Key.Counter < k.Settled(r.Key.Path != "") && r.Key.Counter < newest[fromHandlers(&r.Key)] {
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

func (l *Table) drop(r *Entry) {
	l.remove(r)
	b := l.batch()
	b.dropped = append(b.dropped, r)
}

// Age drops what is too old at a version of the store, and the oldest of what is too much of clients' calls, and
// raises the floor above it: never above that version. What the present batch has added stays.
func (l *Table) Age(now uint64) {
	horizon, young := before(now, recordVersionsMax), before(now, recordsYoung)
	old := func(r *Entry) bool { return r.Key.Birth < horizon }
	switch c := &l.clients; {
	case l.exceeds(recordsCrowdMax, 1):
		l.prune(c, func(r *Entry) bool { return r.Key.Birth <= now && (old(r) || l.exceeds(7*recordsCrowdMax, 8)) })
	case l.exceeds(1, 1) && c.oldest < young:
		l.prune(c, func(r *Entry) bool { return old(r) || r.Key.Birth < young && l.exceeds(7, 8) })
	case c.count > 0 && c.oldest < horizon:
		l.prune(c, old)
	}
	if l.names.count > 0 && l.names.oldest < horizon {
		l.prune(&l.names, old)
	}
}

// exceeds reports whether there is more than a part, of n to d, of what an actor keeps of its clients' calls.
func (l *Table) exceeds(n, d int) bool {
	return l.clients.count*d > l.most*n || l.clients.bytes*d > recordsBytesMax*n
}

// prune drops records of a group in order of their births, as long as they are to be dropped.
func (l *Table) prune(g *entryGroup, drop func(r *Entry) bool) {
	pruned := 0
	g.oldest = math.MaxUint64
	for _, r := range l.byBirth() {
		if l.group(&r.Key) != g {
			continue
		}
		if pruned >= prunedMax || !drop(r) {
			g.oldest = min(g.oldest, r.Key.Birth)
			return
		}
		if slices.Contains(l.Added, r) {
			g.oldest = min(g.oldest, r.Key.Birth)
			continue
		}
		l.drop(r)
		pruned++
		if g == &l.clients {
			l.lowWater = max(l.lowWater, r.Key.Birth+1)
		}
	}
}

// before is the version that is so much less, 0 at the least.
func before(version, by uint64) uint64 { return version - min(version, by) }

// BatchBytes is about what the batch's share takes in a transaction.
func (l *Table) BatchBytes() int { return l.addedBytes }

// BytesHeld is about what it takes in memory.
func (l *Table) BytesHeld() int {
	if l.volatile {
		return l.clients.bytes + l.names.bytes + l.Bodies
	}
	return l.clients.bytes + l.names.bytes
}

// Writes returns what makes the batch's share durable.
func (l *Table) Writes() []registry.Write {
	if len(l.Added) == 0 && len(l.dropped) == 0 && len(l.shed) == 0 {
		return nil
	}
	out := make([]registry.Write, 0, len(l.Added)+len(l.dropped)+len(l.shed)+1)
	for _, r := range l.Added {
		out = append(out, registry.Write{Key: statekeys.DedupEntry(&r.Key), Value: r.Encode()})
		out = append(out, r.bodyWrites()...)
	}
	for _, s := range l.shed {
		out = append(out, registry.Write{Key: statekeys.DedupEntry(&s.of.Key), Value: s.of.Encode()},
			bodyClearing(&s.of.Key))
	}
	for _, r := range l.dropped { // those that the batch has added or shed too
		out = append(out, registry.Write{Key: statekeys.DedupEntry(&r.Key)})
		if r.Away > 0 {
			out = append(out, bodyClearing(&r.Key))
		}
	}
	if l.lowWater != l.floorBefore {
		out = append(out, registry.Write{Key: statekeys.Dedup, Value: binary.BigEndian.AppendUint64(nil, l.lowWater)})
	}
	return out
}

// Stored notes that the batch has been committed.
func (l *Table) Stored() {
	for _, r := range l.Added {
		if r.Away > 0 {
			r.Body = nil
		}
	}
	l.settle()
}

// Rollback does nothing: only calls that have ended change a dedup table.
func (l *Table) Rollback() error { return nil }

// Keep does nothing, as Rollback.
func (l *Table) Keep() {}

// Revert undoes the batch's share. It returns nil.
func (l *Table) Revert() error {
	for _, s := range l.shed {
		s.of.omitted, s.of.Body, s.of.Away = 0, s.body, s.away
		if _, there := l.search(&s.of.Key); there {
			l.Bodies += s.of.bodyBytes()
		}
	}
	for _, r := range l.dropped {
		l.insert(r)
	}
	for _, r := range l.Added {
		l.remove(r)
	}
	l.lowWater = l.floorBefore
	l.settle()
	return nil
}

func (l *Table) settle() {
	l.tableBatch, l.floorBefore = noBatch, l.lowWater
}

// errForgotten refuses a call of which nobody can say whether it has run.
func errForgotten(c *call.Call, why string) *api.Error {
	err := api.Errorf(api.CodeUnknown, "actor %s: whether call %s has run is not known: %s", c.Actor,
		call.Clip(c.Key.String()), why)
	err.Detail = map[string]string{api.DetailFinal: "true"}
	return err
}

// errOldBirth refuses a call for its birth: its record, if it has run, may have been dropped. now is a version from
// which on calls are not refused.
func errOldBirth(c *call.Call, now uint64) *api.Error {
	err := errForgotten(c, "the actor no longer has records that old")
	err.Detail[api.DetailBirth] = strconv.FormatUint(now, 10)
	return err
}

// ErrFutureBirth refuses a call that can't have been born in this store.
func ErrFutureBirth(c *call.Call, now uint64) *api.Error {
	err := errForgotten(c, "it says that it was born at version "+strconv.FormatUint(c.Key.Birth, 10)+
		", which the store has not reached: was it restored?")
	err.Detail[api.DetailBirth] = strconv.FormatUint(now, 10)
	return err
}

// Entries are the records as the store has them.
func (l *Table) Entries() []registry.Entry {
	var out []registry.Entry
	if l.lowWater > 0 {
		out = append(out, registry.Entry{Key: statekeys.Dedup, Value: binary.BigEndian.AppendUint64(nil, l.lowWater)})
	}
	for _, r := range l.entries {
		out = append(out, registry.Entry{Key: statekeys.DedupEntry(&r.Key), Value: r.Encode()})
	}
	return out
}
