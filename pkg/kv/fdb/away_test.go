// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// awayTimeout is how long a cluster is waited for that does not answer.
const awayTimeout = 100 * time.Millisecond

// openAway opens a store on a cluster that nobody serves.
func openAway(t *testing.T, opt Options) kv.Store {
	t.Helper()
	opt.ClusterFile = filepath.Join(t.TempDir(), "fdb.cluster")
	if err := os.WriteFile(opt.ClusterFile, []byte("away:away@127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// waits are calls that wait for the cluster.
var waits = map[string]func(ctx context.Context, tx kv.Tx) error{
	"read version": func(ctx context.Context, tx kv.Tx) error { _, err := tx.ReadVersion(ctx); return err },
	"get":          func(ctx context.Context, tx kv.Tx) error { _, err := tx.Get(ctx, []byte("k")); return err },
	"get all": func(ctx context.Context, tx kv.Tx) error {
		_, err := tx.GetAll(ctx, []byte("k"), []byte("l"))
		return err
	},
	"get key": func(ctx context.Context, tx kv.Tx) error {
		_, err := tx.GetKey(ctx, kv.FirstGreaterThan([]byte("k")))
		return err
	},
	"range": func(ctx context.Context, tx kv.Tx) error {
		_, _, err := tx.Range(ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
		return err
	},
	"snapshot range": func(ctx context.Context, tx kv.Tx) error {
		_, _, err := tx.Snapshot().Range(ctx, []byte("a"), []byte("z"), kv.RangeOptions{Reverse: true, Limit: 3})
		return err
	},
	"commit": func(ctx context.Context, tx kv.Tx) error {
		tx.Set([]byte("k"), nil)
		return tx.Commit(ctx)
	},
}

// TestAway shows that calls of a cluster that does not answer return when their contexts end.
func TestAway(t *testing.T) {
	s := openAway(t, Options{})
	for name, wait := range waits {
		ctx, cancel := context.WithTimeout(context.Background(), awayTimeout)
		err := wait(ctx, s.Begin(kv.TxOptions{}))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kv.ErrCommitUnknown) != (name == "commit") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestAwayClosed shows that closing a store ends the calls that wait for its cluster, watches among them, and all
// goroutines.
func TestAwayClosed(t *testing.T) {
	s := openAway(t, Options{})
	var others sync.WaitGroup
	for name, wait := range waits {
		tx := s.Begin(kv.TxOptions{})
		others.Go(func() {
			err := wait(context.Background(), tx)
			if !errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrCommitUnknown) != (name == "commit") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	watch, err := s.Begin(kv.TxOptions{}).Watch(context.Background(), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	others.Go(func() {
		if err := watch.Wait(context.Background()); !errors.Is(err, kv.ErrUnavailable) {
			t.Errorf("watch: %v", err)
		}
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	others.Wait()
}

// TestAwayTimeout shows that a transaction's timeout ends its calls without a context.
func TestAwayTimeout(t *testing.T) {
	s := openAway(t, Options{Timeout: awayTimeout})
	for name, wait := range waits {
		err := wait(context.Background(), s.Begin(kv.TxOptions{}))
		want := error(kv.ErrUnavailable)
		if name == "commit" {
			want = kv.ErrCommitUnknown
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestOneTLS shows that a second store with other parameters of TLS is refused.
func TestOneTLS(t *testing.T) {
	s := openAway(t, Options{})
	defer s.Close()
	if other, err := Open(
		Options{ClusterFile: s.(*store).opt.ClusterFile, TLS: TLS{VerifyPeers: "Check.Valid=0"}}); !errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("got %v, %v", other, err)
	}
}
