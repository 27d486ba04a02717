// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// ClaimInfo is a row of a listing of claims.
type ClaimInfo struct {
	Actor api.ActorID
	Owner Owner
	// Epoch is that of the owner's fence, if the owner is current.
	Epoch uint64
	// Corrupt is whether the claim, or its owner's fence, can't be read: nothing else is known then.
	Corrupt bool
}

// Claims returns one page of claims, in order of namespace and id, of one namespace if that is not "", and of that
// those whose ids begin with prefix. It begins after the given actor (zero: at the beginning) and reads up to limit
// claims, at most 1,000. more says that there may be others after the last one.
func (r *Registry) Claims(ctx context.Context, namespace, prefix string, after api.ActorID, limit int) (
	claims []ClaimInfo, more bool, err error) {
	if limit <= 0 || limit > pageRows {
		limit = pageRows
	}
	begin, end := claimRange(namespace, prefix)
	if after != (api.ActorID{}) {
		begin = kv.KeyAfter(claimKey(after))
	}
	type page struct {
		claims []ClaimInfo
		more   bool
	}
	p, err := run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (p page, err error) {
		pairs, more, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: limit})
		if err != nil {
			return p, err
		}
		p = page{claims: make([]ClaimInfo, 0, len(pairs)), more: more}
		fences := make(map[string]Fence)
		for _, pair := range pairs {
			c, err := claimInfo(ctx, tx.Snapshot(), pair, fences)
			if damaged(err) {
				c, err = ClaimInfo{Actor: c.Actor, Corrupt: true}, nil
			}
			if err != nil {
				return p, err
			}
			if c.Actor != (api.ActorID{}) { // the check of the store tells of a key that is none
				p.claims = append(p.claims, c)
			}
		}
		return p, nil
	})
	return p.claims, p.more, err
}

// claimRange is the range of the keys of claims: all, or those of a namespace, or of these those whose ids begin with
// prefix.
func claimRange(namespace, prefix string) (begin, end []byte) {
	switch {
	case namespace == "":
		return kindRange(kindClaim)
	case prefix == "":
		return kindRange(kindClaim, namespace)
	}
	begin = claimKey(api.ActorID{Namespace: namespace, ID: prefix})
	begin = begin[:len(begin)-1] // text ends with a zero, which longer text has elsewhere
	return begin, kv.PrefixEnd(begin)
}

// Claim returns how one actor's claim stands; its token is 0 if there never was one.
func (r *Registry) Claim(ctx context.Context, actor api.ActorID) (ClaimInfo, error) {
	key := claimKey(actor)
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (ClaimInfo, error) {
		value, err := tx.Snapshot().Get(ctx, key)
		if err != nil {
			return ClaimInfo{}, err
		}
		return claimInfo(ctx, tx.Snapshot(), kv.KeyValue{Key: key, Value: value}, make(map[string]Fence))
	})
}

// claimInfo decodes a claim and compares it with its owner's fence, read once per page into fences.
func claimInfo(ctx context.Context, r kv.Reader, pair kv.KeyValue, fences map[string]Fence) (ClaimInfo, error) {
	var rec claimRecord
	actor, err := claimActor(pair.Key)
	if err := decodeRecord(pair.Key, pair.Value, &rec); err != nil {
		return ClaimInfo{Actor: actor}, err
	}
	info := ClaimInfo{
		Actor: actor, Owner: Owner{Node: rec.Node, Incarnation: rec.Incarnation, Token: rec.Token, Since: rec.Since}}
	if err != nil || rec.Node == "" {
		return info, err
	}
	fence, ok := fences[rec.Node]
	if !ok {
		if err := read(ctx, r, fenceKey(rec.Node), &fence); err != nil {
			return info, err
		}
		fences[rec.Node] = fence
	}
	if fence.Incarnation == rec.Incarnation {
		info.Owner.Current, info.Epoch = true, fence.Epoch
	}
	return info, nil
}

func claimActor(key []byte) (api.ActorID, error) {
	t, err := tuple.Unpack(key)
	if err == nil && len(t) == 4 {
		ns, ok1 := t[2].(string)
		id, ok2 := t[3].(string)
		if ok1 && ok2 {
			return api.ActorID{Namespace: ns, ID: id}, nil
		}
	}
	return api.ActorID{}, api.Errorf(api.CodeCorruptState, "store: %x is not the key of a claim", key)
}
