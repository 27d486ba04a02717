// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"errors"
	"fmt"
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
func openCluster(t testing.TB, prefix string) kv.Store {
	t.Helper()
	return openWith(t, Options{Prefix: prefix})
}

func openWith(t testing.TB, opt Options) kv.Store {
	t.Helper()
	file := os.Getenv("FDB_CLUSTER_FILE")
	if file == "" {
		t.Fatal("FDB_CLUSTER_FILE does not name the cluster file of an empty cluster")
	}
	opt.ClusterFile = file
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inCluster runs f in a transaction of a store of its own, and commits it.
func inCluster(t testing.TB, f func(ctx context.Context, tx kv.Tx) error) {
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
func claimCluster(t testing.TB) {
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

func clearCluster(t testing.TB) {
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

// TestSizeLimit shows that a store's size limit is that of its transactions alone.
func TestSizeLimit(t *testing.T) {
	claimCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	for limit, want := range map[int64]error{1_000: kv.ErrTxTooLarge, 0: nil} {
		s := openWith(t, Options{SizeLimit: limit})
		tx := s.Begin(kv.TxOptions{})
		tx.Set([]byte("k"), make([]byte, 1_000))
		if err := tx.Commit(ctx); want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("size limit %d: %v, want %v", limit, err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWatchRearmed shows that a key can be watched again and again, each watch seeing the next change, and that one
// too many for the client is lost, said to be unavailable, and leaves the others.
func TestWatchRearmed(t *testing.T) {
	claimCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), 6*clusterTimeout)
	defer cancel()
	s := openCluster(t, "")
	defer s.Close()
	arm := func(key string) kv.Watch {
		w, err := kv.Transact(ctx, env.Real(), s, kv.TxOptions{},
			func(ctx context.Context, tx kv.Tx) (kv.Watch, error) {
				return tx.Watch(ctx, []byte(key))
			})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	change := func(value string) {
		inCluster(t, func(_ context.Context, tx kv.Tx) error {
			tx.Set([]byte("k"), []byte(value))
			return nil
		})
	}
	for i := range 20 {
		w := arm("k")
		change(fmt.Sprint(i))
		if err := w.Wait(ctx); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}

	const watchesMax, batch = 10_000, 500 // the first is the client's own
	first := arm("k")
	all := make([]kv.Watch, 0, watchesMax+batch)
	for len(all) < watchesMax+batch { // none of the last batch is within the limit
		tx := s.Begin(kv.TxOptions{})
		for range batch {
			w, err := tx.Watch(ctx, []byte("other"))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, w)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := all[len(all)-1].Wait(ctx); !errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("one watch too many: %v, want ErrUnavailable", err)
	}
	change("after too many")
	if err := first.Wait(ctx); err != nil {
		t.Errorf("a watch among too many: %v", err)
	}
	for _, w := range all {
		w.Cancel()
	}
	w := arm("k")
	change("after all")
	if err := w.Wait(ctx); err != nil {
		t.Errorf("a watch after too many: %v", err)
	}
}

// TestRangeBeforeUnreadable shows that a page that ends before a key with a versionstamp on its way can be read, and
// its transaction committed, whatever FoundationDB's client would have fetched beyond the page.
func TestRangeBeforeUnreadable(t *testing.T) {
	claimCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	s := openCluster(t, "pages/")
	defer s.Close()
	filling := s.Begin(kv.TxOptions{})
	for _, key := range []string{"b", "c", "d"} {
		filling.Set([]byte(key), []byte("12345"))
	}
	if err := filling.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for _, opt := range []kv.RangeOptions{{BytesMax: 12}, {Limit: 2}, {BytesMax: 12, Reverse: true}} {
		unreadable, want := "z", "b c"
		if opt.Reverse {
			unreadable, want = "a", "d c"
		}
		tx := s.Begin(kv.TxOptions{})
		tx.Atomic(kv.AtomicSetVersionstampedValue, []byte(unreadable), []byte("0123456789\x00\x00\x00\x00"))
		pairs, more, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), opt)
		if err != nil || !more || len(pairs) != 2 || string(pairs[0].Key)+" "+string(pairs[1].Key) != want {
			t.Errorf("%+v gave %q, %v, %v; want %s", opt, pairs, more, err, want)
		}
		tx.Set([]byte("result"), nil)
		tx.Clear([]byte("result"))
		tx.Clear([]byte(unreadable)) // for the next
		if err := tx.Commit(ctx); err != nil {
			t.Errorf("%+v: the commit ends with %v", opt, err)
		}
	}
}

// TestPoisonedCommit shows that no task waits forever for watches of a transaction that can't commit.
func TestPoisonedCommit(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	s := openCluster(t, "poisoned/")
	tx := s.Begin(kv.TxOptions{})
	w, err := tx.Watch(ctx, []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	tx.Set(kv.KeySpaceEnd(), nil)
	if err := tx.Commit(ctx); !errors.Is(err, kv.ErrOutOfRange) {
		t.Errorf("the commit ends with %v", err)
	}
	if err := w.Wait(ctx); !errors.Is(err, kv.ErrCancelled) {
		t.Errorf("the watch ends with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestCauseIsNoReadError shows that a read that was given up leaves the transaction as it was, even if what ended its
// context is a store's error. Whether the read was faster does not matter.
func TestCauseIsNoReadError(t *testing.T) {
	claimCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout)
	defer cancel()
	s := openCluster(t, "cause/")
	tx := s.Begin(kv.TxOptions{})
	for range 100 {
		reading, stop := context.WithCancelCause(ctx)
		go stop(kv.ErrTooOld)
		if _, err := tx.Get(reading, []byte("k")); err != nil && !errors.Is(err, kv.ErrTooOld) {
			t.Fatal(err)
		}
		stop(nil)
	}
	tx.Set([]byte("k"), nil)
	if err := tx.Commit(ctx); err != nil {
		t.Errorf("the commit ends with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
