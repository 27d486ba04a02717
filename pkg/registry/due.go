// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"encoding/binary"
	"hash/fnv"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// An actor with something to do by itself has one entry in the list of what is due:
// due/{shard}/{time}/{namespace}/{id}. It is written and moved by the commits of the actor's own state, so it is
// there if and only if the actor has, or had a moment ago, something to do; its time is never later than that.
//
// The owner of the claim attends to the actor without the list, from memory. Every transaction that writes a claim
// writes the entry with it, so the entry names the incarnation in the claim, and nobody if nobody owns the actor.
// Once that incarnation is no longer a member's, or nobody's, whoever scans the shard wakes the actor. Counters that
// come with every heartbeat show both, so nobody need read the list to find out: an entry is only written while its
// writer's lease is its own, thus before the change of the membership that ends it.
//
// A handover is the exception: the target learns of it by a message, which may be lost. So an actor that has
// something to do at once is handed over attended by nobody; the scanner wakes it, and its first commit there makes
// it the target's. One that has something to do later is woken when it is late.

// DueShards is how many parts the list of what is due has. Members share them out; there are several for each in all
// but the largest clusters.
const DueShards = 256

// DueAtOnce is the time of an entry of an actor that is to be woken as soon as nobody attends to it, whatever clocks
// say.
const DueAtOnce = 1

// DueShard returns the part of the list that an actor belongs to.
func DueShard(actor api.ActorID) int {
	h := fnv.New64a()
	h.Write([]byte(actor.Namespace))
	h.Write([]byte{0})
	h.Write([]byte(actor.ID))
	return int(mix(h.Sum64()) % DueShards)
}

// DueEntry is an actor that has something to do.
type DueEntry struct {
	Actor api.ActorID
	// At is when, by the wall clock of the actor's node at that time: in milliseconds since 1970.
	At int64
	// Attended is the incarnation of the member that attends to the actor, as the owner of its claim; zero for nobody.
	Attended Incarnation
}

// value is what the list has for the entry.
func (e *DueEntry) value() []byte {
	return append([]byte{recordVersion}, e.Attended[:]...)
}

func dueKey(actor api.ActorID, at int64) []byte {
	return tuple.Pack(Prefix, kindDue, DueShard(actor), at, actor.Namespace, actor.ID)
}

// MoveDue returns the writes that move the actor's entry in the list of what is due from one time to another, in
// milliseconds since 1970; 0 is none. The actor's state has the time, too. From and to may be the same: the member
// then attends to it.
func (c *Claim) MoveDue(from, to int64) []Write {
	out := []Write{{Key: dueTimeKey}}
	if to != 0 {
		out[0].Value = binary.BigEndian.AppendUint64(nil, uint64(to))
	}
	if from != 0 && from != to {
		out = append(out, Write{Key: dueKey(c.actor, from), elsewhere: true})
	}
	if to != 0 {
		e := DueEntry{Attended: c.incarnation}
		out = append(out, Write{Key: dueKey(c.actor, to), Value: e.value(), elsewhere: true, leased: true})
	}
	return out
}

// dueTimeKey is where an actor's state has the time of its entry in the list of what is due.
var dueTimeKey = tuple.Pack("l")

func dueTimeKeyOf(actor api.ActorID) []byte { return join(statePrefix(actor), dueTimeKey) }

// dueTime returns the time that the value of dueTimeKey says, 0 for none, and for what can't be read, which whoever
// loads the state reports.
func dueTime(value []byte) int64 {
	if len(value) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value))
}

// attend names in the entry of an actor who owns the actor by the same transaction, the zero incarnation for nobody,
// which the members are told. at is the time of the entry, 0 for none, as of a read of the actor's state that a read
// of seq covers.
func attend(tx kv.Tx, actor api.ActorID, at int64, by Incarnation) {
	if at == 0 {
		return
	}
	tx.Set(dueKey(actor, at), (&DueEntry{Attended: by}).value())
	if by == (Incarnation{}) {
		tx.Atomic(kv.AtomicAdd, unattendedKey, binary.LittleEndian.AppendUint64(nil, 1))
	}
}

// Due returns up to limit entries of a shard in order of time, after the given one (zero: from the beginning), and
// whether there may be more.
func (r *Registry) Due(ctx context.Context, shard int, after DueEntry, limit int) (entries []DueEntry, more bool,
	err error) {
	begin, end := kindRange(kindDue, shard)
	if after.Actor != (api.ActorID{}) {
		begin = kv.KeyAfter(dueKey(after.Actor, after.At))
	}
	type page struct {
		entries []DueEntry
		more    bool
	}
	read := func(ctx context.Context) (page, error) {
		return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (p page, err error) {
			pairs, more, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: limit})
			if err != nil {
				return p, err
			}
			p = page{entries: make([]DueEntry, 0, len(pairs)), more: more}
			for _, pair := range pairs {
				if e, err := decodeDue(pair); err == nil { // what can't be read is for the check of the store
					p.entries = append(p.entries, e)
				}
			}
			if len(p.entries) == 0 && more {
				begin = kv.KeyAfter(pairs[len(pairs)-1].Key)
			}
			return p, nil
		})
	}
	p, err := read(ctx)
	for err == nil && p.more && len(p.entries) == 0 { // all of them damaged
		p, err = read(ctx)
	}
	return p.entries, p.more, err
}

// NextDueShard returns the first shard from the given one on that has entries, DueShards if none has.
func (r *Registry) NextDueShard(ctx context.Context, from int) (int, error) {
	begin, _ := kindRange(kindDue, from)
	_, end := kindRange(kindDue)
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (int, error) {
		pairs, _, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: 1})
		if err != nil || len(pairs) == 0 {
			return DueShards, err
		}
		return shardOf(pairs[0].Key)
	})
}

// shardOf returns the shard of an entry by its key.
func shardOf(key []byte) (int, error) {
	t, err := tuple.Unpack(key)
	if err == nil && len(t) > 2 {
		if shard, ok := t[2].(int64); ok && shard >= 0 && shard < DueShards {
			return int(shard), nil
		}
	}
	return DueShards, api.Errorf(api.CodeCorruptState, "store: %x is not the key of something due", key)
}

func decodeDue(pair kv.KeyValue) (e DueEntry, err error) {
	t, err := tuple.Unpack(pair.Key)
	if err == nil && len(t) == 6 && len(pair.Value) == len((&DueEntry{}).value()) && pair.Value[0] == recordVersion {
		at, ok1 := t[3].(int64)
		ns, ok2 := t[4].(string)
		id, ok3 := t[5].(string)
		if ok1 && ok2 && ok3 {
			e = DueEntry{Actor: api.ActorID{Namespace: ns, ID: id}, At: at}
			copy(e.Attended[:], pair.Value[1:])
			return e, nil
		}
	}
	return e, api.Errorf(api.CodeCorruptState, "store: %x is not the key of something due", pair.Key)
}

// ShardsOf returns the shards that a node is to scan, in order: those that it ranks first for by a hash of its
// name and theirs, among the members that take actors (rendezvous hashing, Thaler and Ravishankar, 1996).
func (v *View) ShardsOf(node string) []int {
	var hashes []uint64
	self := -1
	for _, n := range v.Members() {
		if n.State != NodeActive {
			continue
		}
		if n.ID == node {
			self = len(hashes)
		}
		h := fnv.New64a()
		h.Write([]byte(n.ID))
		hashes = append(hashes, h.Sum64())
	}
	var out []int
	if self < 0 {
		return nil
	}
	for shard := range DueShards {
		best := 0
		for i := range hashes {
			if mix(hashes[i]+uint64(shard)) > mix(hashes[best]+uint64(shard)) {
				best = i
			}
		}
		if best == self {
			out = append(out, shard)
		}
	}
	return out
}
