// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// storeWork works on the store itself, as nodes do, beside them: transactions that must read their own writes, and
// transactions that decide by what a scan does not show.
func storeWork(k *worker) {
	s := k.store.seenFrom(&caller{storage: k.store, machine: k.sched.Machine(k.name), env: k.env})
	for k.more() {
		ctx, cancel := env.WithTimeout(k.env, k.ctx, k.callTimeout())
		if k.random.IntN(2) == 0 {
			_, _ = kv.Transact(ctx, k.env, s, kv.TxOptions{}, k.ownWrites) // it finds out by itself what became of it
		} else {
			_, _ = kv.Transact(ctx, k.env, s, kv.TxOptions{}, k.onlyOne)
		}
		cancel()
	}
}

const (
	rowsMax   = 8
	groupsMax = 2
)

func rowKey(i int) []byte { return tuple.Pack("sim", "rows", i) }

// ownWrites changes rows and scans them, and compares what it sees with what it should.
func (k *worker) ownWrites(ctx context.Context, tx kv.Tx) (struct{}, error) {
	begin, end := tuple.Range("sim", "rows")
	var none struct{}
	pairs, _, err := tx.Range(ctx, begin, end, kv.RangeOptions{})
	if err != nil {
		return none, err
	}
	want := make(map[string]string)
	for _, p := range pairs {
		want[string(p.Key)] = string(p.Value)
	}
	for range 1 + k.random.IntN(4) {
		i := k.random.IntN(rowsMax)
		switch k.random.IntN(4) {
		case 0:
			tx.Clear(rowKey(i))
			delete(want, string(rowKey(i)))
		case 1:
			from, to := rowKey(i), rowKey(i+2)
			tx.ClearRange(from, to)
			for key := range want { //kelpie:unordered each is looked at alone
				if key >= string(from) && key < string(to) {
					delete(want, key)
				}
			}
		default:
			v := k.unique()
			tx.Set(rowKey(i), []byte(v))
			want[string(rowKey(i))] = v
		}
	}
	opt := kv.RangeOptions{Reverse: k.random.IntN(2) == 0, Limit: k.random.IntN(rowsMax)}
	got, _, err := tx.Range(ctx, begin, end, opt)
	if err != nil {
		return none, err
	}
	if !slices.Equal(rowsOf(got), expected(want, opt)) {
		k.violate("store", "%s scanned what it had just written and saw %q, not %q", k.name, rowsOf(got),
			expected(want, opt))
	}
	return none, nil
}

func rowsOf(pairs []kv.KeyValue) []string {
	var out []string
	for _, p := range pairs {
		out = append(out, string(p.Key)+"="+string(p.Value))
	}
	return out
}

func expected(rows map[string]string, opt kv.RangeOptions) []string {
	var out []string
	for key, v := range rows { //kelpie:unordered sorted below
		out = append(out, key+"="+v)
	}
	slices.SortFunc(out, strings.Compare)
	if opt.Reverse {
		slices.Reverse(out)
	}
	if opt.Limit > 0 {
		out = out[:min(opt.Limit, len(out))]
	}
	return out
}

// onlyOne enters itself into a group where nobody else is, or clears the group: there is never more than one.
func (k *worker) onlyOne(ctx context.Context, tx kv.Tx) (struct{}, error) {
	group := k.random.IntN(groupsMax)
	begin, end := tuple.Range("sim", "groups", group)
	in, _, err := tx.Range(ctx, begin, end, kv.RangeOptions{})
	switch {
	case err != nil:
	case len(in) > 1:
		k.violate("store", "%s found %d members in a group that each enters only when it is empty", k.name, len(in))
		tx.ClearRange(begin, end)
	case len(in) == 1:
		tx.Clear(in[0].Key)
	default:
		tx.Set(tuple.Pack("sim", "groups", group, k.unique()), nil)
	}
	return struct{}{}, err
}
