// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/apple/foundationdb/bindings/go/src/fdb"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

var measureFlag = flag.Duration("fdb.measure", 0, "how long TestMeasure measures each of its figures; 0 is not at all")

const (
	// measureRounds is how often the binding and the store take turns, so that what else the machine does meets both.
	measureRounds = 4
	// measureValueBytes is the length of a value.
	measureValueBytes = 100
)

// worker does one transaction after the other, on keys of its own.
type worker struct {
	db                  fdb.Database
	store               kv.Store
	claim, fence, state []byte
	value               []byte
	// last is the version of the worker's last commit.
	last int64
}

// workload is the same transaction, by the bare binding and by the store.
type workload struct {
	name        string
	bare, store func(ctx context.Context, w *worker) error
}

// The last two are a commit of an actor's state: asking the store whether the claim is still held, and keeping the
// version at which it was.
var workloads = []workload{
	{"get", bareGet, storeGet},
	{"set, commit", bareSet, storeSet},
	{"read version, 2 reads, set, commit", bareAsk, storeAsk},
	{"kept version, set, commit", bareKeep, storeKeep},
}

// TestMeasure prints how many transactions a second the store does, beside the bare binding. The ratio should be 0.95
// or more.
func TestMeasure(t *testing.T) {
	if *measureFlag == 0 {
		t.Skip("nothing is measured without -fdb.measure")
	}
	claimCluster(t)
	s := openCluster(t, "")
	defer s.Close()
	db := s.(*store).db
	var table strings.Builder
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "TRANSACTION\tWORKERS\tBINDING/S\tKELPIE/S\tRATIO")
	for _, load := range workloads {
		for _, workers := range []int{1, 16, 64, 256} {
			bare, ours := compare(t, db, s, load, workers)
			fmt.Fprintf(tw, "%s\t%d\t%.0f\t%.0f\t%.2f\n", load.name, workers, bare, ours, ours/bare)
		}
	}
	if err := tw.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("each figure over %v, %d-byte values\n%s", *measureFlag, measureValueBytes, table.String())
}

// compare returns transactions a second of both.
func compare(t *testing.T, db fdb.Database, s kv.Store, load workload, workers int) (bare, ours float64) {
	t.Helper()
	all := make([]*worker, workers)
	for i := range all {
		key := func(kind string) []byte { return fmt.Appendf(nil, "%s/%d", kind, i) }
		all[i] = &worker{
			db: db, store: s, claim: key("claim"), fence: key("fence"), state: key("state"),
			value: make([]byte, measureValueBytes),
		}
	}
	for range measureRounds {
		bare += rate(t, all, load.bare) / measureRounds
		ours += rate(t, all, load.store) / measureRounds
	}
	return bare, ours
}

// rate is how many transactions a second the workers do in a round.
func rate(t *testing.T, all []*worker, do func(ctx context.Context, w *worker) error) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), clusterTimeout+*measureFlag)
	defer cancel()
	var done atomic.Int64
	var tasks sync.WaitGroup
	began := time.Now()
	for _, w := range all {
		w.last = 0
		tasks.Go(func() {
			for time.Since(began) < *measureFlag/measureRounds {
				if err := do(ctx, w); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	tasks.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

func bareGet(_ context.Context, w *worker) error {
	tr, err := w.db.CreateTransaction()
	if err != nil {
		return err
	}
	_, err = tr.Get(fdb.Key(w.state)).Get()
	return err
}

func storeGet(ctx context.Context, w *worker) error {
	_, err := w.store.Begin(kv.TxOptions{}).Get(ctx, w.state)
	return err
}

func bareSet(_ context.Context, w *worker) error {
	tr, err := w.db.CreateTransaction()
	if err != nil {
		return err
	}
	tr.Set(fdb.Key(w.state), w.value)
	return tr.Commit().Get()
}

func storeSet(ctx context.Context, w *worker) error {
	tx := w.store.Begin(kv.TxOptions{})
	tx.Set(w.state, w.value)
	return tx.Commit(ctx)
}

func bareAsk(_ context.Context, w *worker) error {
	tr, err := w.db.CreateTransaction()
	if err != nil {
		return err
	}
	if _, err := tr.GetReadVersion().Get(); err != nil {
		return err
	}
	claim, fence := tr.Get(fdb.Key(w.claim)), tr.Get(fdb.Key(w.fence))
	if _, err := claim.Get(); err != nil {
		return err
	}
	if _, err := fence.Get(); err != nil {
		return err
	}
	tr.Set(fdb.Key(w.state), w.value)
	return tr.Commit().Get()
}

func storeAsk(ctx context.Context, w *worker) error {
	tx := w.store.Begin(kv.TxOptions{})
	if _, err := tx.ReadVersion(ctx); err != nil {
		return err
	}
	if _, err := tx.GetAll(ctx, w.claim, w.fence); err != nil {
		return err
	}
	tx.Set(w.state, w.value)
	return tx.Commit(ctx)
}

func bareKeep(_ context.Context, w *worker) error {
	tr, err := w.db.CreateTransaction()
	if err != nil {
		return err
	}
	if w.last != 0 {
		tr.SetReadVersion(w.last)
	}
	if err := tr.AddReadConflictKey(fdb.Key(w.claim)); err != nil {
		return err
	}
	tr.Set(fdb.Key(w.state), w.value)
	if err := tr.Commit().Get(); err != nil {
		return err
	}
	w.last, err = tr.GetCommittedVersion()
	return err
}

func storeKeep(ctx context.Context, w *worker) error {
	tx := w.store.Begin(kv.TxOptions{})
	if w.last != 0 {
		tx.SetReadVersion(kv.Version(w.last))
	}
	if err := tx.AddReadConflictRange(w.claim, kv.KeyAfter(w.claim)); err != nil {
		return err
	}
	tx.Set(w.state, w.value)
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.last = int64(tx.CommittedVersion())
	return nil
}
