// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// testTimeout ends a test whose store does not answer. Stores whose commits take many milliseconds need minutes for
// the longest.
const testTimeout = 5 * time.Minute

// Open returns a new, empty store. It may use t.Cleanup for what Store.Close does not end.
type Open func(t *testing.T, e env.Env) kv.Store

// World runs f as a task of an Env, or of several in turn, and returns when f and
// all tasks that it began have ended.
type World func(t *testing.T, f func(t *testing.T, e env.Env))

// Option is a choice of Run.
type Option func(*suite)

// In makes the tests run in w. Without it they run in the real Env.
func In(w World) Option { return func(s *suite) { s.world = w } }

// SharesVersions says that the store gives one commit version to transactions that are
// committed at the same time, which is then tested. A store may, and FoundationDB does; most tests can't force it to.
func SharesVersions() Option { return func(s *suite) { s.sharesVersions = true } }

// OnlyConcurrent leaves the longest of those parts out in which one task acts at a time: for the race detector, which
// finds nothing in them.
func OnlyConcurrent() Option { return func(s *suite) { s.onlyConcurrent = true } }

type suite struct {
	open           Open
	world          World
	sharesVersions bool
	onlyConcurrent bool
}

// Run runs the suite on the stores that open returns.
func Run(t *testing.T, open Open, options ...Option) {
	s := &suite{open: open, world: realWorld}
	for _, option := range options {
		option(s)
	}
	for _, p := range s.parts() {
		if s.onlyConcurrent && slices.Contains(sequential, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			s.world(t, func(t *testing.T, e env.Env) { inWorld(t, e, s.open(t, e), p.test) })
		})
	}
}

// sequential are the names of what OnlyConcurrent leaves out.
var sequential = []string{"Scripts", "Golden", "Random", "Machine", "OwnWrites", "ExactConflicts"}

// part is a test of the suite.
type part struct {
	name string
	test func(w *world)
}

func (s *suite) parts() []part {
	return append([]part{
		{"Scripts", testScripts},
		{"Golden", testGolden},
		{"Random", testRandom},
		{"Machine", testMachine},
		{"History", testHistory},
		{"Limits", testLimits},
		{"Inverted", testInverted},
		{"ReadVersions", testReadVersions},
		{"Values", testValues},
		{"RangePages", testRangePages},
		{"Ownership", testOwnership},
		{"WriteSkew", testWriteSkew},
		{"Phantoms", testPhantoms},
		{"BlindWrites", testBlindWrites},
		{"SnapshotReads", testSnapshotReads},
		{"Increments", testIncrements},
		{"SharedVersions", s.testSharedVersions},
		{"Versionstamps", testVersionstamps},
		{"Watches", testWatches},
		{"WatchEnds", testWatchEnds},
		{"Contexts", testContexts},
		{"Transact", testTransact},
		{"Close", testClose},
		{"Cycle", testCycle},
		{"Increment", testIncrement},
		{"AtomicOps", testAtomicOps},
		{"ConflictRange", testConflictRange},
		{"WriteDuringRead", testWriteDuringRead},
		{"Serializability", testSerializability},
		{"OwnWrites", testOwnWrites},
		{"Unreadable", testUnreadable},
		{"ExactConflicts", testExactConflicts},
		{"RangeSkew", testRangeSkew},
		{"StampOrder", testStampOrder},
		{"Crowd", testCrowd},
		{"Stream", testStream},
		{"Cancelled", testCancelled},
	}, edgeParts()...)
}

func realWorld(t *testing.T, f func(t *testing.T, e env.Env)) { f(t, env.Real()) }

// inWorld runs a test on a store, which it closes.
func inWorld(t testing.TB, e env.Env, store kv.Store, test func(w *world)) {
	ctx, cancel := env.WithTimeout(e, context.Background(), testTimeout)
	defer cancel()
	w := &world{TB: t, env: e, ctx: ctx, store: store}
	defer w.close()
	test(w)
}

// world is what a test works with. In tasks, a test reports by Error, never by what ends the test.
type world struct {
	testing.TB
	env   env.Env
	ctx   context.Context
	store kv.Store
	// closed: the test has closed the store itself.
	closed bool
}

func (w *world) close() {
	w.Helper()
	if w.closed {
		return
	}
	w.closed = true
	if err := w.store.Close(); err != nil {
		w.Errorf("closing the store: %v", err)
	}
}

// together runs f as n tasks, numbered from 0, and returns when all have ended.
func (w *world) together(n int, f func(i int)) {
	w.Helper()
	g := env.NewGroup(w.env, w.ctx)
	defer g.Stop()
	for i := range n {
		g.Go(fmt.Sprintf("kvtest %d", i), func(context.Context) { f(i) })
	}
	if err := g.Wait(w.ctx); err != nil {
		w.Fatalf("a task does not end: %v", err)
	}
}

func (w *world) begin() kv.Tx { return w.store.Begin(kv.TxOptions{}) }

// must ends the test if err is not nil.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// want reports an error that is not target; a nil target stands for no error.
func (w *world) want(what string, err, target error) {
	w.Helper()
	if target == nil && err != nil || target != nil && !errors.Is(err, target) {
		w.Errorf("%s: got error %v, want %v", what, err, target)
	}
}

// commit commits tx and ends the test if that fails.
func (w *world) commit(tx kv.Tx) {
	w.Helper()
	w.must(tx.Commit(w.ctx))
}

// put sets pairs of keys and values in one transaction.
func (w *world) put(pairs ...string) kv.Version {
	w.Helper()
	tx := w.begin()
	for i := 0; i < len(pairs); i += 2 {
		tx.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	w.commit(tx)
	return tx.CommittedVersion()
}

// get reads a key by a Reader: nil if it has no value.
func (w *world) get(r kv.Reader, key string) []byte {
	w.Helper()
	value, err := r.Get(w.ctx, []byte(key))
	w.must(err)
	return value
}

// wantValue checks the value of a key, "" being that it has none.
func (w *world) wantValue(r kv.Reader, key, want string) {
	w.Helper()
	if got := w.get(r, key); string(got) != want {
		w.Errorf("%q is %q, want %q", key, got, want)
	}
}

// readAgain runs a function that reads much in a transaction, and once more in another one whenever it has taken longer
// than a read version lives: a machine may be that slow.
func (w *world) readAgain(read func(tx kv.Tx) error) {
	w.Helper()
	for {
		tx := w.begin()
		err := read(tx)
		tx.Cancel()
		if !errors.Is(err, kv.ErrTooOld) {
			w.must(err)
			return
		}
	}
}

// pairs returns how many pairs a store has.
func (w *world) pairs() (n int) {
	w.Helper()
	w.readAgain(func(tx kv.Tx) error {
		n = 0
		return kv.Scan(w.ctx, tx, nil, []byte("\xff"), kv.RangeOptions{}, func(kv.KeyValue) error {
			n++
			return nil
		})
	})
	return n
}

// scan reads all pairs of [begin, end), page by page.
func (w *world) scan(r kv.Reader, begin, end string) []kv.KeyValue {
	w.Helper()
	var all []kv.KeyValue
	from := []byte(begin)
	for {
		pairs, more, err := r.Range(w.ctx, from, []byte(end), kv.RangeOptions{})
		w.must(err)
		all = append(all, pairs...)
		if !more {
			return all
		}
		from = append(bytes.Clone(pairs[len(pairs)-1].Key), 0)
	}
}

// keys joins the keys of pairs, for comparisons.
func keys(pairs []kv.KeyValue) string {
	var b []byte
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, p.Key...)
	}
	return string(b)
}
