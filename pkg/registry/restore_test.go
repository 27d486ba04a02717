// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// TestOfTwoRestoresOneHasTheStore begins a second restore in the middle of the first: the first writes no more,
// whatever it tries, and what is there in the end is of the second alone.
func TestOfTwoRestoresOneHasTheStore(t *testing.T) {
	both(t, func(t *fixture) {
		pair := func(key string) []kv.KeyValue { return []kv.KeyValue{{Key: []byte(key), Value: []byte("v")}} }
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		first, err := t.BeginRestore(t.ctx, false)
		must(err)
		must(first.Write(t.ctx, pair("of the first")))
		if _, err := t.BeginRestore(t.ctx, false); api.CodeOf(err) != api.CodeFailedPrecondition ||
			!strings.Contains(err.Error(), "a restore into the store has begun") {
			t.Fatalf("another restore, without force: %v", err)
		}
		second, err := t.BeginRestore(t.ctx, true)
		must(err)
		meta := Meta{ClusterID: "c", Schema: SchemaVersion, LeaseTTL: DefaultLeaseTTL, Heartbeat: DefaultHeartbeat}
		for what, err := range map[string]error{
			"a batch": first.Write(t.ctx, pair("late")),
			"its end": first.End(t.ctx, meta, Restoration{Unattended: 1, Commits: 1}),
		} {
			if api.CodeOf(err) != api.CodeFailedPrecondition || !strings.Contains(err.Error(), "another restore") {
				t.Errorf("%s of the first restore: %v", what, err)
			}
		}
		must(second.Write(t.ctx, pair("of the second")))
		must(second.End(t.ctx, meta, Restoration{}))
		must(second.End(t.ctx, meta, Restoration{})) // as after an answer that was lost
		if err := first.End(t.ctx, meta, Restoration{Unattended: 1, Commits: 1}); api.CodeOf(
			err) != api.CodeFailedPrecondition {
			t.Errorf("the end of the first, after that of the second: %v", err)
		}
		all := func(ctx context.Context, tx kv.Tx) ([]kv.KeyValue, error) {
			pairs, _, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{})
			return pairs, err
		}
		pairs, err := run(t.ctx, t.Registry, kv.TxOptions{}, all)
		must(err)
		if len(pairs) != 2 || string(pairs[1].Key) != "of the second" {
			t.Errorf("the store has %q", pairs)
		}
		if _, err := t.BeginRestore(t.ctx, false); api.CodeOf(err) != api.CodeFailedPrecondition ||
			!strings.Contains(err.Error(), "not empty") {
			t.Errorf("a restore into a cluster: %v", err)
		}
	})
}
