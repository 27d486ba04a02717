// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

func TestStoresOfOtherSchemas(t *testing.T) {
	both(t, func(t *fixture) {
		if _, err := t.Migrate(t.ctx); api.CodeOf(err) != api.CodeNotFound {
			t.Fatalf("an empty store: %v", err)
		}
		spec := JoinSpec{Node: NodeInfo{ID: "n1", Address: "n1:1"}}
		if _, err := t.Join(t.ctx, spec); err != nil {
			t.Fatal(err)
		}
		m, err := t.Meta(t.ctx)
		if err != nil {
			t.Fatal(err)
		}
		as := func(schema int) {
			t.Helper()
			other := m
			other.Schema = schema
			_, err := run(t.ctx, t.Registry, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (struct{}, error) {
				tx.Set(metaKey, encodeRecord(&other))
				return struct{}{}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		refused := func(says string) {
			t.Helper()
			_, err := t.Join(t.ctx, spec)
			if api.CodeOf(err) != api.CodeMismatch || !strings.Contains(err.Error(), says) ||
				strings.Contains(err.Error(), "\n") {
				t.Fatalf("it says %v, want %q", err, says)
			}
		}
		as(SchemaVersion + 1)
		refused("of a later kelpie")
		if _, err := t.Migrate(t.ctx); api.CodeOf(err) != api.CodeMismatch {
			t.Fatalf("a later schema: %v", err)
		}
		as(SchemaRestoring)
		refused("unfinished restore")
		as(1)
		refused("has schema 1")
		if _, err := t.Migrate(t.ctx); api.CodeOf(err) != api.CodeMismatch {
			t.Fatalf("a schema that there is no way from: %v", err)
		}
		as(SchemaVersion - 1)
		refused("kelpie store migrate")
		for _, want := range []int{SchemaVersion - 1, SchemaVersion} { // the second time there is nothing to do
			if from, err := t.Migrate(t.ctx); err != nil || from != want {
				t.Fatalf("from %d, want %d: %v", from, want, err)
			}
		}
		if _, err := t.Join(t.ctx, spec); err != nil {
			t.Fatal(err)
		}
		if got, err := t.Meta(t.ctx); err != nil || got != m {
			t.Fatalf("meta is %+v, was %+v: %v", got, m, err)
		}
	})
}

func TestALivingNodeIsSeen(t *testing.T) {
	both(t, func(t *fixture) {
		member, err := t.Join(t.ctx, JoinSpec{Node: NodeInfo{ID: "n1", Address: "n1:1"}})
		if err != nil {
			t.Fatal(err)
		}
		seq := uint64(0)
		living := func(beats bool) string {
			t.Helper()
			name, err := t.Living(t.ctx, func(m Meta) error {
				if m.Heartbeat <= 0 || m.Heartbeat > time.Minute {
					t.Errorf("a heartbeat of %v", m.Heartbeat)
				}
				if !beats {
					return nil
				}
				seq++
				_, err := t.Beat(t.ctx, member, seq, api.Load{}, nil)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return name
		}
		if got := living(true); got != "n1" {
			t.Errorf("a node that beats is taken for %q", got)
		}
		if got := living(false); got != "" {
			t.Errorf("a node that does not beat is taken for alive: %q", got)
		}
	})
}

// What a check has concluded holds until something is written: a node that has started meanwhile may have made it
// wrong.
func TestARepairOfWhatWasWrittenSinceIsRefused(t *testing.T) {
	both(t, func(t *fixture) {
		at := func(ms int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(ms)) }
		c := &Checker{
			Get: func(ctx context.Context, key []byte) ([]byte, error) {
				return kv.Transact(ctx, t.env, t.store, kv.TxOptions{},
					func(ctx context.Context, tx kv.Tx) ([]byte, error) { return tx.Get(ctx, key) })
			},
			State: func(_ api.ActorID, entries []Entry) (int64, error) {
				for _, e := range entries {
					if e.Value != nil {
						return dueTime(e.Value), nil
					}
				}
				return 0, nil
			},
		}
		own, entry := dueTimeKeyOf(actorA), dueKey(actorA, 2000)
		check := func() (repairs []Repair) {
			c.Report = func(p Problem) {
				if p.Repair != nil {
					repairs = append(repairs, *p.Repair)
				}
			}
			for _, key := range [][]byte{entry, own} {
				value, err := c.Get(t.ctx, key)
				if err == nil && value != nil {
					err = c.Pair(t.ctx, kv.KeyValue{Key: key, Value: value})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := c.End(t.ctx); err != nil {
				t.Fatal(err)
			}
			return repairs
		}
		has := func(want bool) {
			t.Helper()
			if value, err := c.Get(t.ctx, entry); err != nil || (value != nil) != want {
				t.Errorf("the entry is %x, %v", value, err)
			}
		}

		// The entry is not right, and becomes so.
		t.put(entry, (&DueEntry{}).value())
		drop := check()
		t.put(own, at(2000))
		t.wantCode(t.Repair(t.ctx, drop), api.CodeFailedPrecondition)
		has(true)
		if again := check(); len(drop) != 1 || len(again) != 0 {
			t.Errorf("%+v, %+v", drop, again)
		}

		// The entry is missing, and no longer wanted.
		if err := t.Repair(t.ctx, []Repair{{Key: entry}}); err != nil {
			t.Fatal(err)
		}
		add := check()
		t.put(own, at(3000))
		t.wantCode(t.Repair(t.ctx, add), api.CodeFailedPrecondition)
		has(false)
		t.put(own, at(2000))
		for range 2 { // the second time there is nothing to do
			if err := t.Repair(t.ctx, add); err != nil || len(add) != 1 {
				t.Errorf("%+v, %v", add, err)
			}
			has(true)
		}
	})
}
