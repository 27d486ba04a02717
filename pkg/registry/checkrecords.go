// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Repair is what is written to mend a problem: it follows from what is authoritative.
type Repair struct {
	// What says for people what is done.
	What string
	// Key gets Value; nil clears it.
	Key, Value []byte
	// where are keys with the values from which the check has concluded that; nil is none.
	where []kv.KeyValue
}

// Repair does what a check has found to do, in transactions of up to a thousand repairs. It fails with
// CodeFailedPrecondition if what the check has read was written since: a node is running then.
func (r *Registry) Repair(ctx context.Context, repairs []Repair) error {
	const batch = 1000
	for part := range slices.Chunk(repairs, batch) {
		_, err := transact(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			for _, p := range part {
				if err := p.do(ctx, tx); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Repair) do(ctx context.Context, tx kv.Tx) error {
	if now, err := tx.Get(ctx, p.Key); err != nil || same(now, p.Value) {
		return err // an attempt before, of unknown outcome, may have done it
	}
	for _, w := range p.where {
		now, err := tx.Get(ctx, w.Key)
		if err != nil {
			return err
		}
		if !same(now, w.Value) {
			return api.Errorf(api.CodeFailedPrecondition, "the store was written to since it was checked: stop all "+
				"nodes, and check it again")
		}
	}
	if p.Value == nil {
		tx.Clear(p.Key)
	} else {
		tx.Set(p.Key, p.Value)
	}
	return nil
}

// same reports whether two values of a key are, of which nil is none.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// decode is decodeRecord, which also finds bytes behind the record.
func (c *Checker) decode(p kv.KeyValue, record any) error {
	if err := decodeRecord(p.Key, p.Value, record); err != nil {
		return err
	}
	if len(p.Value) == 0 {
		return nil
	}
	d := api.NewDecoder(p.Value[1:])
	if d.Skip(); len(d.Rest()) > 0 {
		return api.Errorf(api.CodeCorruptState, "%d bytes follow the record", len(d.Rest()))
	}
	return nil
}

// nameOf is the name that a key of a node or a namespace has behind its kind.
func nameOf(t tuple.Tuple) string {
	if len(t) != 3 {
		return ""
	}
	name, _ := t[2].(string)
	return name
}

// node checks a member's record, and that it has what a join writes with it.
func (c *Checker) node(ctx context.Context, p kv.KeyValue, t tuple.Tuple) error {
	var n NodeInfo
	if err := c.decode(p, &n); err != nil {
		c.report(p.Key, "", "can't be read: "+err.Error())
		return nil
	}
	c.nodes++
	if n.ID != nameOf(t) || api.ValidateNodeID(n.ID) != nil {
		c.report(p.Key, "", fmt.Sprintf("has the record of node %q", n.ID))
		return nil
	}
	needs := []struct {
		what string
		key  []byte
	}{{"fence", fenceKey(n.ID)}}
	if n.Member() {
		needs = append(needs, struct {
			what string
			key  []byte
		}{"heartbeat", beatKey(n.ID)})
	}
	for _, need := range needs {
		value, err := c.Get(ctx, need.key)
		if err != nil {
			return err
		}
		if value == nil {
			c.report(p.Key, "", "is of a node without a "+need.what)
		}
	}
	for _, ns := range n.Namespaces {
		value, err := c.Get(ctx, namespaceKey(ns))
		if err != nil {
			return err
		}
		if value == nil {
			c.report(namespaceKey(ns), "", fmt.Sprintf("is missing: node %s hosts the namespace", n.ID))
		}
	}
	return nil
}

func (c *Checker) fence(ctx context.Context, p kv.KeyValue, t tuple.Tuple) error {
	var f Fence
	if err := c.decode(p, &f); err != nil {
		c.report(p.Key, "", "can't be read: "+err.Error())
		return nil
	}
	if f.Epoch == 0 {
		c.report(p.Key, "", "has epoch 0, and every join raises it")
	}
	node, err := c.Get(ctx, nodeKey(nameOf(t)))
	if err == nil && node == nil && f.Incarnation != (Incarnation{}) {
		c.report(p.Key, "", "is a lease that is held by a node that is not known")
	}
	return err
}

func (c *Checker) namespace(p kv.KeyValue, t tuple.Tuple) {
	var ns Namespace
	if err := c.decode(p, &ns); err != nil {
		c.report(p.Key, "", "can't be read: "+err.Error())
		return
	}
	switch err := ns.Validate(); {
	case ns.Name != nameOf(t):
		c.report(p.Key, "", fmt.Sprintf("has the settings of namespace %q", ns.Name))
	case err != nil:
		c.report(p.Key, "", "has settings that are none: "+messageOf(err))
	case ns.Consistency != "" && !slices.Contains(Consistencies(), ns.Consistency):
		c.report(p.Key, "", fmt.Sprintf("has an unknown consistency %q", ns.Consistency))
	}
}

// messageOf is the message of an api.Error alone.
func messageOf(err error) string {
	if e, ok := err.(*api.Error); ok {
		return e.Message
	}
	return err.Error()
}

// seq checks the number of an actor's last commit, which its claim has been written before.
func (c *Checker) seq(ctx context.Context, p kv.KeyValue, t tuple.Tuple, actor api.ActorID, has bool) error {
	if !has || len(t) != 5 || t[4] != "seq" || actor.Validate() != nil {
		c.report(p.Key, "", "is no number of an actor's commits")
		return nil
	}
	if err := c.decode(p, new(seqRecord)); err != nil {
		c.report(p.Key, actor.String(), "can't be read: "+err.Error())
		return nil
	}
	claim, err := c.Get(ctx, claimKey(actor))
	if err == nil && claim == nil {
		c.report(p.Key, actor.String(), "is of an actor that was never claimed")
	}
	return err
}

// owner checks that the node of a claim is, or was, one, and that a token was given out before a commit.
func (c *Checker) owner(ctx context.Context, p kv.KeyValue, actor api.ActorID, claim claimRecord) error {
	if claim.Token == 0 {
		seq, err := c.Get(ctx, seqKey(actor))
		if err != nil {
			return err
		}
		if seq != nil {
			c.report(p.Key, actor.String(), "has token 0, and the actor has committed")
		}
	}
	if claim.Node == "" {
		return nil
	}
	node, err := c.Get(ctx, nodeKey(claim.Node))
	if err != nil || node != nil {
		return err
	}
	value, err := c.Get(ctx, fenceKey(claim.Node))
	if err != nil {
		return err
	}
	var f Fence
	switch {
	case value == nil:
		c.report(p.Key, actor.String(), fmt.Sprintf("is owned by node %s, which was never there", claim.Node))
	case decodeRecord(nil, value, &f) == nil && f.Incarnation == claim.Incarnation &&
		claim.Incarnation != (Incarnation{}):
		c.report(p.Key, actor.String(),
			fmt.Sprintf("is owned by node %s, which holds a lease and is not known", claim.Node))
	}
	return nil
}

// counters checks those that are not about single records, after all pairs. A counter of the membership that fell would
// hide changes from nodes.
func (c *Checker) counters(ctx context.Context) error {
	value, err := c.Get(ctx, membershipKey)
	if err != nil || c.nodes == 0 || value != nil && len(value) != 8 {
		return err
	}
	counted := uint64(0)
	if value != nil {
		counted = binary.LittleEndian.Uint64(value)
	}
	if counted < c.nodes {
		c.Report(Problem{Key: membershipKey,
			What: fmt.Sprintf("counts %d changes of the membership, and %d nodes have joined", counted, c.nodes),
			// Far above what it can have been, so that nodes that remember an older number see a change.
			Repair: &Repair{What: "set the counter to a higher number", Key: membershipKey,
				Value: binary.LittleEndian.AppendUint64(nil, c.nodes+1<<32),
				where: []kv.KeyValue{{Key: membershipKey, Value: value}}}})
	}
	return nil
}
