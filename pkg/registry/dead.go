// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// DeadLetter is an alarm or a send of an actor that has failed too often.
type DeadLetter struct {
	Actor  api.ActorID `msgpack:"-"`
	Number uint64      `msgpack:"-"`
	// Alarm is the name of an alarm; "" for a send.
	Alarm string `msgpack:"alarm"`
	// Target is whom a send was for.
	Target   api.ActorID `msgpack:"target"`
	Method   string      `msgpack:"method"`
	Bytes    int         `msgpack:"bytes"` // of the request
	Code     string      `msgpack:"code"`
	Error    string      `msgpack:"error"`
	Attempts int         `msgpack:"attempts"`
	// Origin is what the call was known by when it was tried.
	Origin uint64 `msgpack:"origin"`
	// Due and Died are in milliseconds since 1970, by the clocks of nodes.
	Due  int64 `msgpack:"due"`
	Died int64 `msgpack:"died"`
	// Request is the encoded request. Listings leave it out.
	Request []byte `msgpack:"-"`
}

func deadKey(kind string, actor api.ActorID, number uint64) []byte {
	return tuple.Pack(Prefix, kind, actor.Namespace, actor.ID, int64(number))
}

// Bury returns the writes that store a dead letter of the claim's actor, under its number.
func (c *Claim) Bury(d *DeadLetter) []Write {
	return []Write{
		{Key: deadKey(kindDead, c.actor, d.Number), Value: encodeRecord(d), elsewhere: true},
		{Key: deadKey(kindDeadBody, c.actor, d.Number), Value: append([]byte{recordVersion}, d.Request...),
			elsewhere: true},
	}
}

// Exhume returns the writes that delete a dead letter of the claim's actor.
func (c *Claim) Exhume(number uint64) []Write {
	return []Write{
		{Key: deadKey(kindDead, c.actor, number), elsewhere: true},
		{Key: deadKey(kindDeadBody, c.actor, number), elsewhere: true},
	}
}

// ExhumeAll returns the writes that delete all dead letters of the claim's actor.
func (c *Claim) ExhumeAll() []Write {
	out := make([]Write, 0, 2)
	for _, kind := range []string{kindDead, kindDeadBody} {
		begin, end := kindRange(kind, c.actor.Namespace, c.actor.ID)
		out = append(out, Write{Key: begin, End: end, elsewhere: true})
	}
	return out
}

// DeadLetter returns one of the actor's dead letters with its request; nil if there is none of that number. As others
// may delete them, it reads at a fresh version. Errors are as Get's.
func (c *Claim) DeadLetter(ctx context.Context, number uint64) (*DeadLetter, error) {
	if err := c.refresh(ctx); err != nil {
		return nil, err
	}
	var out *DeadLetter
	err := c.readAtHeld(ctx, func(r kv.Reader) error {
		head, body := deadKey(kindDead, c.actor, number), deadKey(kindDeadBody, c.actor, number)
		vals, err := r.GetAll(ctx, head, body)
		if err != nil || vals[0] == nil || len(vals[1]) == 0 {
			return err
		}
		out = &DeadLetter{Actor: c.actor, Number: number, Request: vals[1][1:]}
		return decodeRecord(head, vals[0], out)
	})
	return out, err
}

// DeadNumbers returns the numbers of the actor's dead letters, in order, as of the last commit. Errors are as Get's.
func (c *Claim) DeadNumbers(ctx context.Context) ([]uint64, error) {
	begin, end := kindRange(kindDead, c.actor.Namespace, c.actor.ID)
	var out []uint64
	err := c.readAtHeld(ctx, func(r kv.Reader) error {
		out = nil
		return kv.Scan(ctx, r, begin, end, kv.RangeOptions{}, func(p kv.KeyValue) error {
			d, err := decodeDead(p)
			if damaged(err) {
				err = nil // its number is known
			}
			if d.Actor != (api.ActorID{}) {
				out = append(out, d.Number)
			}
			return err
		})
	})
	return out, err
}

// DeadLetters returns one page of dead letters without their requests, in order of actor and number: of one namespace
// or actor, if they are not "". It begins after the given letter (zero: at the beginning) and reads up to limit, at
// most 1,000. more says that there may be others after the last one.
func (r *Registry) DeadLetters(ctx context.Context, namespace, id string, after DeadLetter, limit int) (
	letters []DeadLetter, more bool, err error) {
	if limit <= 0 || limit > pageRows {
		limit = pageRows
	}
	var of []any
	if namespace != "" {
		of = append(of, namespace)
		if id != "" {
			of = append(of, id)
		}
	}
	begin, end := kindRange(kindDead, of...)
	if after.Number != 0 {
		begin = kv.KeyAfter(deadKey(kindDead, after.Actor, after.Number))
	}
	_, err = run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		var pairs []kv.KeyValue
		pairs, more, err = tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: limit})
		letters = make([]DeadLetter, 0, len(pairs))
		for _, p := range pairs {
			d, err := decodeDead(p)
			if damaged(err) {
				d = DeadLetter{Actor: d.Actor, Number: d.Number, Code: api.CodeCorruptState.String(),
					Error: err.Error()}
			} else if err != nil {
				return struct{}{}, err
			}
			if d.Actor != (api.ActorID{}) { // the check of the store tells of a key that is none
				letters = append(letters, d)
			}
		}
		return struct{}{}, err
	})
	return letters, more, err
}

// RemoveDeadLetter deletes a dead letter, and reports whether there was one. One that is taken back by its actor at
// the same time may be tried again all the same.
func (r *Registry) RemoveDeadLetter(ctx context.Context, actor api.ActorID, number uint64) (bool, error) {
	head := deadKey(kindDead, actor, number)
	gone := false
	return transact(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (bool, error) {
		value, err := tx.Get(ctx, head)
		if err != nil || value == nil {
			return gone, err // an attempt before, of unknown outcome, may have removed it
		}
		gone = true
		tx.Clear(head)
		tx.Clear(deadKey(kindDeadBody, actor, number))
		return true, nil
	})
}

func decodeDead(p kv.KeyValue) (d DeadLetter, err error) {
	t, err := tuple.Unpack(p.Key)
	if err == nil && len(t) == 5 {
		ns, ok1 := t[2].(string)
		id, ok2 := t[3].(string)
		number, ok3 := t[4].(int64)
		if ok1 && ok2 && ok3 {
			err = decodeRecord(p.Key, p.Value, &d)
			d.Actor, d.Number = api.ActorID{Namespace: ns, ID: id}, uint64(number)
			return d, err
		}
	}
	return d, api.Errorf(api.CodeCorruptState, "store: %x is not the key of a dead letter", p.Key)
}
