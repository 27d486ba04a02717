// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
)

var killRounds = flag.Int("kill.rounds", 6, "how often TestKilledStoreKeepsCommits kills the store")

// TestKilledStoreKeepsCommits kills a store under load, without a warning, after random numbers of commits. Each time
// it is started again, every transaction that it acknowledged is there, and every other in whole or not at all.
func TestKilledStoreKeepsCommits(t *testing.T) {
	store := newDaemon(t, "store", "store", "serve", "--store", "pebble:"+t.TempDir())
	rng := rand.New(rand.NewPCG(7, uint64(*killRounds)))
	var committers []*committer
	for i := range 8 {
		committers = append(
			committers, &committer{
				name: fmt.Sprintf("c%d", i), store: remote.Open(env.Real(), newPool(t), store.address)})
	}
	for round := range *killRounds {
		store.start()
		for _, c := range committers {
			if err := c.check(); err != nil {
				t.Fatalf("round %d: %s: %v", round, c.name, err)
			}
		}
		commitUntilKilled(t, store, committers, 1+rng.Int64N(400))
	}
	total := int64(0)
	for _, c := range committers {
		total += c.acknowledged
	}
	t.Logf("%d transactions over %d kills", total, *killRounds)
}

// commitUntilKilled kills the store when it has acknowledged a number of commits.
func commitUntilKilled(t *testing.T, store *daemon, committers []*committer, after int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	for _, c := range committers {
		wg.Go(func() {
			for c.commit(ctx) == nil {
				if done.Add(1) == after {
					store.signal(9)
				}
			}
		})
	}
	<-store.ended
	store.cmd = nil
	cancel() // a client would wait for the store to come back
	wg.Wait()
}

// committer commits one transaction after the other, of several keys each.
type committer struct {
	name         string
	store        kv.Store
	acknowledged int64
}

func (c *committer) commit(ctx context.Context) error {
	n := c.acknowledged + 1
	tx := c.store.Begin(kv.TxOptions{})
	for _, part := range []string{"a", "b"} {
		tx.Set(c.key(n, part), c.value(n))
	}
	tx.Set([]byte(c.name+"/last"), []byte(strconv.FormatInt(n, 10)))
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	c.acknowledged = n
	return nil
}

func (c *committer) key(n int64, part string) []byte {
	return fmt.Appendf(nil, "%s/n/%09d/%s", c.name, n, part)
}

func (c *committer) value(n int64) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%s-%d ", c.name, n), int(n%60)))
}

// check goes on from the last transaction that the store has, if all is as it must be.
func (c *committer) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tx := c.store.Begin(kv.TxOptions{})
	last, err := tx.Get(ctx, []byte(c.name+"/last"))
	if err != nil {
		return err
	}
	n := int64(0)
	if last != nil {
		if n, err = strconv.ParseInt(string(last), 10, 64); err != nil {
			return err
		}
	}
	if n < c.acknowledged || n > c.acknowledged+1 {
		return fmt.Errorf("transaction %d is the last, %d was acknowledged", n, c.acknowledged)
	}
	for i := int64(1); i <= n+1; i++ {
		for _, part := range []string{"a", "b"} {
			got, err := tx.Get(ctx, c.key(i, part))
			if err != nil {
				return err
			}
			if (got != nil) != (i <= n) || got != nil && string(got) != string(c.value(i)) {
				return fmt.Errorf("transaction %d is the last, and part %s of %d is %q", n, part, i, got)
			}
		}
	}
	c.acknowledged = n
	return nil
}
