// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/kvtest"
)

// clusterTimeout is how long a cluster is waited for.
const clusterTimeout = 10 * time.Second

// openCluster opens a store on the cluster that FDB_CLUSTER_FILE names.
func openCluster(t *testing.T, prefix string) kv.Store {
	t.Helper()
	file := os.Getenv("FDB_CLUSTER_FILE")
	if file == "" {
		t.Fatal("FDB_CLUSTER_FILE does not name the cluster file of an empty cluster")
	}
	s, err := Open(Options{ClusterFile: file, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inCluster runs f in a transaction of a store of its own, and commits it.
func inCluster(t *testing.T, f func(ctx context.Context, tx kv.Tx) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	s := openCluster(t, "")
	_, err := kv.Transact(ctx, env.Real(), s, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		return struct{}{}, f(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// claimCluster makes sure that a test clears nobody's data: the cluster must be empty, and is again when the test ends.
func claimCluster(t *testing.T) {
	t.Helper()
	inCluster(t, func(ctx context.Context, tx kv.Tx) error {
		pairs, _, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{Limit: 1})
		if err == nil && len(pairs) > 0 {
			t.Fatalf("the cluster holds %q: these tests clear it, and so refuse one that is not empty", pairs[0].Key)
		}
		return err
	})
	t.Cleanup(func() { clearCluster(t) })
}

func clearCluster(t *testing.T) {
	t.Helper()
	inCluster(t, func(_ context.Context, tx kv.Tx) error {
		tx.ClearRange(nil, kv.KeySpaceEnd())
		return nil
	})
}

// TestConformance shows that FoundationDB itself answers as the suite says.
func TestConformance(t *testing.T) {
	claimCluster(t)
	kvtest.Run(t, func(t *testing.T, _ env.Env) kv.Store {
		clearCluster(t)
		return openCluster(t, "")
	})
}

// TestPrefixes shows that stores of one cluster do not see each other, and that selectors stop at their ends.
func TestPrefixes(t *testing.T) {
	claimCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	for _, prefix := range []string{"a/", "b/", "c/"} {
		s := openCluster(t, prefix)
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		tx := s.Begin(kv.TxOptions{})
		pairs, _, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{})
		if err != nil || len(pairs) != 0 {
			t.Errorf("%s begins with %q, %v", prefix, pairs, err)
		}
		tx.Set([]byte("k"), []byte(prefix))
		tx.Atomic(kv.AtomicSetVersionstampedKey, []byte("s/0123456789\x02\x00\x00\x00"), nil)
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		stamp, err := tx.Versionstamp()
		if err != nil {
			t.Fatal(err)
		}
		tx.Reset()
		pairs, more, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{})
		if err != nil || more || len(pairs) != 2 || string(pairs[0].Key) != "k" || string(pairs[0].Value) != prefix ||
			string(pairs[1].Key) != "s/"+string(stamp) {
			t.Errorf("%s holds %q, %v, %v", prefix, pairs, more, err)
		}
		for want, sel := range map[string]kv.KeySelector{
			"":     kv.LastLessThan([]byte("k")),
			"k":    kv.FirstGreaterOrEqual(nil),
			"\xff": kv.FirstGreaterThan([]byte("t")),
		} {
			if got, err := tx.GetKey(ctx, sel); string(got) != want || err != nil {
				t.Errorf("%s: selector %+v gave %q, %v", prefix, sel, got, err)
			}
		}
	}
}
