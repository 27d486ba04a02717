// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Problem is something in a store that should not be there, or should and is not.
type Problem struct {
	Key []byte
	// Actor is whose it is, "" if it is no actor's.
	Actor string
	What  string
	// Repair is how it can be mended, nil if what is right can't be known.
	Repair *Repair
}

// Checker looks at all pairs of a store, in order, and compares those that belong together. It keeps no more than one
// actor's state in memory.
type Checker struct {
	// Get reads other keys, as they were when the pairs were read.
	Get func(ctx context.Context, key []byte) ([]byte, error)
	// State reads all that is stored as an actor's state, and returns when it has something to do, in milliseconds
	// since 1970, 0 for never.
	State func(actor api.ActorID, entries []Entry) (due int64, err error)
	// Report is called for every problem.
	Report func(Problem)
	// Kinds counts the keys and bytes of every kind; keys that are not Kelpie's are of kind "".
	Kinds map[string]KindCount

	actor   api.ActorID // whose state is being collected
	entries []Entry
	nodes   uint64 // that have a record
}

// KindCount is how much there is of a kind of keys.
type KindCount struct{ Keys, Bytes int64 }

// Pair looks at the next pair. Errors are Get's.
func (c *Checker) Pair(ctx context.Context, p kv.KeyValue) error {
	t, err := tuple.Unpack(p.Key)
	ours := err == nil && len(t) >= 2 && t[0] == Prefix
	kind, _ := "", false
	if ours {
		kind, _ = t[1].(string)
	}
	if c.Kinds == nil {
		c.Kinds = make(map[string]KindCount)
	}
	n := c.Kinds[kind]
	c.Kinds[kind] = KindCount{n.Keys + 1, n.Bytes + int64(len(p.Key)+len(p.Value))}
	if !ours {
		return nil
	}
	actor, has := actorOf(t)
	if kind == kindState && has {
		if actor != c.actor {
			if err := c.End(ctx); err != nil {
				return err
			}
			c.actor = actor
		}
		c.entries = append(c.entries, Entry{Key: p.Key[len(statePrefix(actor)):], Value: p.Value})
		return nil
	}
	return c.other(ctx, p, t, kind, actor, has)
}

// actorOf is the actor that a key names right behind its kind.
func actorOf(t tuple.Tuple) (api.ActorID, bool) {
	if len(t) < 4 {
		return api.ActorID{}, false
	}
	ns, ok1 := t[2].(string)
	id, ok2 := t[3].(string)
	return api.ActorID{Namespace: ns, ID: id}, ok1 && ok2
}

// other looks at a pair that is no part of a state.
func (c *Checker) other(ctx context.Context, p kv.KeyValue, t tuple.Tuple, kind string, actor api.ActorID,
	has bool) error {
	var record any
	switch kind {
	case kindMeta:
		record = new(Meta)
	case kindNode:
		return c.node(ctx, p, t)
	case kindFence:
		return c.fence(ctx, p, t)
	case kindBeat:
		record = new(Beat)
	case kindNamespace:
		c.namespace(p, t)
		return nil
	case kindEvent:
		if _, err := decodeEvent(p); err != nil {
			c.drop(p, "", "is an event that can't be read: "+messageOf(err))
		}
		return nil
	case kindTrial:
		record = new(trialRecord)
	case kindQuarantine:
		record = new(Quarantine)
	case kindMembership, kindUnattended:
		if len(p.Value) != 8 {
			c.report(p.Key, "", "is not a counter")
		}
		return nil
	case kindClaim:
		return c.claim(ctx, p, actor, has)
	case kindCall:
		return c.seq(ctx, p, t, actor, has)
	case kindDue:
		return c.due(ctx, p)
	case kindDead, kindDeadBody:
		return c.dead(ctx, p, t, kind, actor, has)
	default:
		c.report(p.Key, "", "is of a kind that this version does not know")
		return nil
	}
	if err := c.decode(p, record); err != nil {
		c.report(p.Key, "", "can't be read: "+err.Error())
	}
	return nil
}

func (c *Checker) claim(ctx context.Context, p kv.KeyValue, actor api.ActorID, has bool) error {
	var claim claimRecord
	if !has || actor.Validate() != nil {
		c.report(p.Key, "", "is no claim of an actor")
		return nil
	}
	if err := c.decode(p, &claim); err != nil {
		c.report(p.Key, actor.String(), "is no claim of an actor: "+err.Error())
		return nil
	}
	return c.owner(ctx, p, actor, claim)
}

// due compares an entry of the list of what is due with what its actor says.
func (c *Checker) due(ctx context.Context, p kv.KeyValue) error {
	e, err := decodeDue(p)
	if err != nil {
		c.drop(p, "", "is no entry of what is due")
		return nil
	}
	if !bytes.Equal(p.Key, dueKey(e.Actor, e.At)) {
		c.drop(p, e.Actor.String(), "is in the wrong part of the list of what is due")
		return nil
	}
	own := dueTimeKeyOf(e.Actor)
	state, err := c.Get(ctx, own)
	if err != nil {
		return err
	}
	at, err := c.State(e.Actor, []Entry{{Key: dueTimeKey, Value: state}})
	switch {
	case state == nil || err == nil && at != e.At:
		c.drop(p, e.Actor.String(), "is due then by the list, and not by its own state",
			kv.KeyValue{Key: own, Value: state})
	case err != nil:
		c.report(p.Key, e.Actor.String(), "is due then by the list, and its own state can't be read")
	}
	return nil
}

// dead compares a dead letter with its request.
func (c *Checker) dead(ctx context.Context, p kv.KeyValue, t tuple.Tuple, kind string, actor api.ActorID,
	has bool) error {
	if !has || len(t) != 5 {
		c.report(p.Key, "", "is not a dead letter")
		return nil
	}
	number, ok := t[4].(int64)
	if !ok {
		c.report(p.Key, actor.String(), "is not a dead letter")
		return nil
	}
	if kind == kindDead {
		if err := c.decode(p, new(DeadLetter)); err != nil {
			c.report(p.Key, actor.String(), "can't be read: "+err.Error())
		}
	}
	other := map[string]string{kindDead: kindDeadBody, kindDeadBody: kindDead}[kind]
	value, err := c.Get(ctx, deadKey(other, actor, uint64(number)))
	if err == nil && value == nil {
		c.report(p.Key, actor.String(), "is half a dead letter: "+other+" is missing")
	}
	return err
}

// End looks at the last state. Errors are Get's.
func (c *Checker) End(ctx context.Context) error {
	if c.entries == nil {
		return nil
	}
	actor, entries := c.actor, c.entries
	c.actor, c.entries = api.ActorID{}, nil
	at, err := c.State(actor, entries)
	if err != nil {
		var coded *api.Error
		if errors.As(err, &coded) {
			c.report(statePrefix(actor), actor.String(), coded.Message)
			return nil
		}
		return err
	}
	claim, err := c.Get(ctx, claimKey(actor))
	if err != nil {
		return err
	}
	if claim == nil {
		c.report(statePrefix(actor), actor.String(), "has state, but was never claimed")
	}
	if err := actor.Validate(); err != nil {
		c.report(statePrefix(actor), actor.String(), "is of an actor whose name is none: "+messageOf(err))
	}
	seq, err := c.Get(ctx, seqKey(actor))
	if err != nil {
		return err
	}
	if seq == nil {
		c.report(statePrefix(actor), actor.String(), "has state, and no number of its last commit")
	}
	if at == 0 {
		return nil
	}
	entry, err := c.Get(ctx, dueKey(actor, at))
	if err == nil && entry == nil {
		c.Report(Problem{Key: statePrefix(actor), Actor: actor.String(),
			What: "has something to do, and is not in the list of what is due",
			Repair: &Repair{What: "add the entry", Key: dueKey(actor, at), Value: (&DueEntry{}).value(),
				where: []kv.KeyValue{{Key: dueTimeKeyOf(actor), Value: dueTimeOf(entries)}}}})
	}
	return err
}

func (c *Checker) report(key []byte, actor, what string) {
	c.Report(Problem{Key: key, Actor: actor, What: what})
}

// drop reports an entry of a list that is not right, which is concluded from other keys, too.
func (c *Checker) drop(p kv.KeyValue, actor, what string, from ...kv.KeyValue) {
	p.Value = append([]byte{}, p.Value...) // an empty one is there, too
	c.Report(Problem{Key: p.Key, Actor: actor, What: what, Repair: &Repair{What: "delete the entry", Key: p.Key,
		where: append(from, p)}})
}

// dueTimeOf returns what a state says of when it has something to do.
func dueTimeOf(entries []Entry) []byte {
	for _, e := range entries {
		if bytes.Equal(e.Key, dueTimeKey) {
			return e.Value
		}
	}
	return nil
}
