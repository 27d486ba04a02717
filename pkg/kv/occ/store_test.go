// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

var (
	ctx     = context.Background()
	errDisk = errors.New("the disk is gone")
)

// gatedEngine lets a batch through for each permit, and tells when one has come to the gate.
type gatedEngine struct {
	Engine
	came    *env.Queue[kv.Version]
	permits *env.Queue[error] // what Apply returns

	mu        sync.Mutex
	snapshots int // open ones
}

func newGatedEngine(e env.Env) *gatedEngine {
	g := &gatedEngine{Engine: NewMemory(), came: env.NewQueue[kv.Version](e, 0), permits: env.NewQueue[error](e, 0)}
	g.permits.TryPush(nil) // for the first version of the store
	return g
}

func (g *gatedEngine) Apply(v kv.Version, batch []ryw.Mutation) error {
	g.came.TryPush(v)
	verdict, err := g.permits.Pop(ctx)
	if err := errors.Join(verdict, err); err != nil {
		return err
	}
	return g.Engine.Apply(v, batch)
}

func (g *gatedEngine) Snapshot() Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snapshots++
	return &gatedSnapshot{Snapshot: g.Engine.Snapshot(), engine: g}
}

func (g *gatedEngine) openSnapshots() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshots
}

type gatedSnapshot struct {
	Snapshot
	engine *gatedEngine
}

func (s *gatedSnapshot) Close() error {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.engine.snapshots--
	return s.Snapshot.Close()
}

// storeTest is a store on a gated engine.
type storeTest struct {
	*testing.T
	env    env.Env
	engine *gatedEngine
	*Store
}

// inBoth runs f on a store in both worlds.
func inBoth(t *testing.T, opt Options, f func(s *storeTest)) {
	envtest.Both(t, func(t *testing.T, e env.Env) { withStore(t, e, opt, f) })
}

// inSimulation runs f on a store in virtual time.
func inSimulation(t *testing.T, opt Options, f func(s *storeTest)) {
	envtest.Simulated(t, 3, func(t *testing.T, s *coro.Scheduler) { withStore(t, s.Machine(coro.MainMachine), opt, f) })
}

func withStore(t *testing.T, e env.Env, opt Options, f func(s *storeTest)) {
	engine := newGatedEngine(e)
	store, err := Open(e, engine, opt)
	if err != nil {
		t.Fatal(err)
	}
	s := &storeTest{T: t, env: e, engine: engine, Store: store}
	s.awaitBatch()
	f(s)
	if err := store.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if n := engine.openSnapshots(); n != 0 {
		t.Errorf("%d snapshots are open after Close", n)
	}
}

// awaitBatch waits until a batch has come to the engine.
func (s *storeTest) awaitBatch() kv.Version {
	s.Helper()
	v, err := s.engine.came.Pop(ctx)
	if err != nil {
		s.Fatal(err)
	}
	return v
}

// let lets a number of batches through.
func (s *storeTest) let(batches int) {
	for range batches {
		s.engine.permits.TryPush(nil)
	}
}

// pending is a commit under way.
type pending struct {
	kv.Tx
	done *env.Future[struct{}]
}

// commit starts to commit a set of key, after reads at version v of 0 or more keys.
func (s *storeTest) commit(ctx context.Context, opt kv.TxOptions, key string, v kv.Version, reads ...string) *pending {
	tx := s.Begin(opt)
	if v != 0 {
		tx.SetReadVersion(v)
	}
	for _, read := range reads {
		if err := tx.AddReadConflictRange([]byte(read), kv.KeyAfter([]byte(read))); err != nil {
			s.Fatal(err)
		}
	}
	tx.Set([]byte(key), []byte(key))
	p := &pending{Tx: tx, done: env.NewFuture[struct{}](s.env)}
	s.env.Go("commit", func() { p.done.Complete(struct{}{}, tx.Commit(ctx)) })
	return p
}

// put commits a set of key.
func (s *storeTest) put(key string) kv.Version {
	s.Helper()
	p := s.commit(ctx, kv.TxOptions{}, key, 0)
	s.awaitBatch()
	s.let(1)
	s.wantErr("put", p.err(), nil)
	return p.CommittedVersion()
}

func (p *pending) err() error {
	_, err := p.done.Wait(ctx)
	return err
}

// awaitState waits until cond holds, which is called under the lock of the store.
func (s *storeTest) awaitState(cond func() bool) {
	s.Helper()
	holds := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return cond()
	}
	for !holds() {
		s.sleep(50 * time.Microsecond)
	}
}

func (s *storeTest) sleep(d time.Duration) {
	if err := env.Sleep(s.env, ctx, d); err != nil {
		s.Fatal(err)
	}
}

func (s *storeTest) readVersion() kv.Version {
	s.Helper()
	v, err := s.ReadVersion(ctx, kv.PriorityDefault)
	s.wantErr("read version", err, nil)
	return v
}

func (s *storeTest) wantErr(what string, err, want error) {
	s.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		s.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// TestSharedVersion shows that what comes during a batch shares the next one's version, in an order.
func TestSharedVersion(t *testing.T) {
	inBoth(t, Options{}, func(s *storeTest) {
		const n = 5
		first := s.commit(ctx, kv.TxOptions{}, "first", 0)
		s.awaitBatch()
		var rest []*pending
		for i := range n {
			rest = append(rest, s.commit(ctx, kv.TxOptions{}, fmt.Sprint(i), 0))
		}
		s.awaitState(func() bool { return s.open != nil && len(s.open.requests) == n })
		before := s.readVersion()
		s.let(2)
		s.wantErr("first", first.err(), nil)
		stamps := make(map[string]bool)
		for _, p := range rest {
			s.wantErr("rest", p.err(), nil)
			stamp, err := p.Versionstamp()
			s.wantErr("stamp", err, nil)
			stamps[string(stamp)] = true
			if v := p.CommittedVersion(); v != rest[0].CommittedVersion() || v <= first.CommittedVersion() ||
				before >= first.CommittedVersion() {
				s.Errorf("versions %d, %d, %d", before, first.CommittedVersion(), v)
			}
		}
		if len(stamps) != n {
			s.Errorf("%d versionstamps of %d transactions", len(stamps), n)
		}
	})
}

// TestGather shows that the committer waits for more, if told so.
func TestGather(t *testing.T) {
	inSimulation(t, Options{Gather: 3 * time.Millisecond}, func(s *storeTest) {
		a := s.commit(ctx, kv.TxOptions{}, "a", 0)
		s.sleep(2 * time.Millisecond)
		b := s.commit(ctx, kv.TxOptions{}, "b", 0)
		s.let(1)
		s.wantErr("a", a.err(), nil)
		s.wantErr("b", b.err(), nil)
		if a.CommittedVersion() != b.CommittedVersion() {
			s.Errorf("versions %d and %d", a.CommittedVersion(), b.CommittedVersion())
		}
	})
}

// TestSharedVersionIsNoConflict shows the trap of a version kept from one's own commit: what shares it is not noticed.
func TestSharedVersionIsNoConflict(t *testing.T) {
	inBoth(t, Options{}, func(s *storeTest) {
		s.put("x")
		block := s.commit(ctx, kv.TxOptions{}, "block", 0)
		s.awaitBatch()
		owner := s.commit(ctx, kv.TxOptions{}, "state", s.readVersion(), "claim")
		s.awaitState(func() bool { return s.open != nil && len(s.open.requests) == 1 })
		taker := s.commit(ctx, kv.TxOptions{}, "claim", 0)
		s.awaitState(func() bool { return len(s.open.requests) == 2 })
		s.let(3)
		for _, p := range []*pending{block, owner, taker} {
			s.wantErr("commit", p.err(), nil)
		}
		kept := s.commit(ctx, kv.TxOptions{}, "state", owner.CommittedVersion(), "claim")
		s.wantErr("kept", kept.err(), nil)
	})
}

// TestConflictOnItsWay shows that a conflict with what is not durable yet is found, but told only when it is: who tries
// again at once then succeeds.
func TestConflictOnItsWay(t *testing.T) {
	inBoth(t, Options{}, func(s *storeTest) {
		v := s.put("k")
		first := s.commit(ctx, kv.TxOptions{}, "k", v, "k")
		s.awaitBatch()
		applying := s.commit(ctx, kv.TxOptions{}, "k", v, "k")
		open := s.commit(ctx, kv.TxOptions{}, "j", v, "l")
		s.awaitState(func() bool { return s.open != nil && len(s.applying.refused) == 1 })
		openToo := s.commit(ctx, kv.TxOptions{}, "j", v, "j")
		s.awaitState(func() bool { return len(s.open.refused) == 1 })
		if applying.done.Done() || openToo.done.Done() {
			s.Error("a conflict was told before it could be seen")
		}
		s.let(1)
		s.wantErr("first", first.err(), nil)
		s.wantErr("applying", applying.err(), kv.ErrConflict)
		s.awaitBatch()
		again := s.commit(ctx, kv.TxOptions{}, "k", s.readVersion(), "k")
		s.let(2)
		s.wantErr("again", again.err(), nil)
		s.wantErr("open", open.err(), nil)
		s.wantErr("open too", openToo.err(), kv.ErrConflict)
	})
}

// TestPriority shows that heartbeats overtake those that wait.
func TestPriority(t *testing.T) {
	inBoth(t, Options{BatchTransactions: 1}, func(s *storeTest) {
		var normal []*pending
		for i := range 4 {
			normal = append(normal, s.commit(ctx, kv.TxOptions{}, fmt.Sprint(i), 0))
			s.awaitState(func() bool {
				return i == 0 && s.applying != nil || i == 1 && s.open != nil || i > 1 && len(s.waiting.normal) == i-1
			})
		}
		high := s.commit(ctx, kv.TxOptions{Priority: kv.PriorityHigh}, "beat", 0)
		s.awaitState(func() bool { return len(s.waiting.urgent) == 1 })
		s.let(5)
		order := []*pending{normal[0], normal[1], high, normal[2], normal[3]}
		for i, p := range order {
			s.wantErr("commit", p.err(), nil)
			if i > 0 && p.CommittedVersion() <= order[i-1].CommittedVersion() {
				s.Errorf("number %d has version %d after %d", i, p.CommittedVersion(), order[i-1].CommittedVersion())
			}
		}
	})
}

// TestBatchBytes shows that batches are bounded, and that a transaction larger than the bound gets its own.
func TestBatchBytes(t *testing.T) {
	inBoth(t, Options{BatchBytes: 100}, func(s *storeTest) {
		a := s.commit(ctx, kv.TxOptions{}, "a", 0)
		s.awaitBatch()
		b := s.commit(ctx, kv.TxOptions{}, "b", 0)
		s.awaitState(func() bool { return s.open != nil })
		c := s.commit(ctx, kv.TxOptions{}, "c", 0)
		s.awaitState(func() bool { return !s.waiting.empty() })
		s.let(3)
		for _, p := range []*pending{a, b, c} {
			s.wantErr("commit", p.err(), nil)
		}
		if b.CommittedVersion() == c.CommittedVersion() {
			s.Error("two in a batch with room for one")
		}
	})
}

// TestBackPressure shows that commits wait while too many bytes do, and that waiting ends with the context.
func TestBackPressure(t *testing.T) {
	inBoth(t, Options{QueuedBytes: 1}, func(s *storeTest) {
		first := s.commit(ctx, kv.TxOptions{}, "first", 0)
		s.awaitBatch()
		stopped, stop := env.WithCancel(ctx)
		second := s.commit(stopped, kv.TxOptions{}, "second", 0)
		third := s.commit(ctx, kv.TxOptions{}, "third", 0)
		beat := s.commit(ctx, kv.TxOptions{Priority: kv.PriorityHigh}, "beat", 0)
		s.awaitState(func() bool { return s.open != nil })
		stop()
		s.wantErr("second", second.err(), kv.ErrCommitUnknown)
		s.wantErr("second", second.err(), context.Canceled)
		s.let(3)
		for _, p := range []*pending{first, third, beat} {
			s.wantErr("commit", p.err(), nil)
		}
		s.wantMissing("second")
	})
}

// TestWithdraw shows that a commit whose context ends while it waits for room in a batch never happens.
func TestWithdraw(t *testing.T) {
	inBoth(t, Options{BatchTransactions: 1}, func(s *storeTest) {
		first := s.commit(ctx, kv.TxOptions{}, "first", 0)
		s.awaitBatch()
		second := s.commit(ctx, kv.TxOptions{}, "second", 0)
		s.awaitState(func() bool { return s.open != nil })
		stopped, stop := env.WithCancel(ctx)
		third := s.commit(stopped, kv.TxOptions{}, "third", 0)
		s.awaitState(func() bool { return !s.waiting.empty() })
		stop()
		s.wantErr("third", third.err(), kv.ErrCommitUnknown)
		s.let(2)
		s.wantErr("first", first.err(), nil)
		s.wantErr("second", second.err(), nil)
		s.wantMissing("third")
	})
}

// TestUnknown shows that a commit whose context ends while it is on its way still happens.
func TestUnknown(t *testing.T) {
	inBoth(t, Options{}, func(s *storeTest) {
		stopped, stop := env.WithCancel(ctx)
		p := s.commit(stopped, kv.TxOptions{}, "late", 0)
		s.awaitBatch()
		stop()
		s.wantErr("commit", p.err(), kv.ErrCommitUnknown)
		s.wantMissing("late")
		s.let(1)
		s.put("next")
		value, err := s.Begin(kv.TxOptions{}).Get(ctx, []byte("late"))
		if string(value) != "late" || err != nil {
			s.Errorf("got %q, %v", value, err)
		}
	})
}

func (s *storeTest) wantMissing(key string) {
	s.Helper()
	value, err := s.Begin(kv.TxOptions{}).Get(ctx, []byte(key))
	if value != nil || err != nil {
		s.Errorf("%s: got %q, %v, want nothing", key, value, err)
	}
}

// TestStampedKeyIsAWrite shows that the key that a versionstamp completes conflicts with reads of it.
func TestStampedKeyIsAWrite(t *testing.T) {
	inBoth(t, Options{}, func(s *storeTest) {
		v := s.put("x")
		tx := s.Begin(kv.TxOptions{})
		tx.Atomic(kv.AtomicSetVersionstampedKey, []byte("k0123456789\x01\x00\x00\x00"), []byte("v"))
		s.let(1)
		s.wantErr("stamped", tx.Commit(ctx), nil)
		stamp, err := tx.Versionstamp()
		s.wantErr("stamp", err, nil)
		key := "k" + string(stamp)
		p := s.commit(ctx, kv.TxOptions{}, "y", v, key)
		s.wantErr("read of it before", p.err(), kv.ErrConflict)
		value, err := s.Begin(kv.TxOptions{}).Get(ctx, []byte(key))
		if string(value) != "v" || err != nil {
			s.Errorf("got %q, %v", value, err)
		}
	})
}

// TestReadVersions shows the life of read versions, in a store that nobody writes to as well.
func TestReadVersions(t *testing.T) {
	const window = time.Second
	inSimulation(t, Options{Window: window}, func(s *storeTest) {
		used := func(v kv.Version) (get, commit error) {
			_, get = s.GetAll(ctx, v, nil)
			s.engine.permits.TryPush(nil)
			return get, s.commit(ctx, kv.TxOptions{}, "k", v).err()
		}
		s.sleep(10 * window)
		v := s.readVersion()
		s.sleep(window)
		get, commit := used(v)
		s.wantErr("get", get, nil)
		s.wantErr("commit", commit, nil)
		v = s.readVersion()
		s.sleep(window + window/32)
		get, commit = used(v)
		s.wantErr("get", get, kv.ErrTooOld)
		s.wantErr("commit", commit, kv.ErrTooOld)
		get, commit = used(s.readVersion() + 1)
		s.wantErr("get", get, kv.ErrFutureVersion)
		s.wantErr("commit", commit, kv.ErrCommitUnknown)
		s.wantErr("commit", commit, kv.ErrFutureVersion)
	})
}

// TestVersionsGrow shows that versions tell the time, about.
func TestVersionsGrow(t *testing.T) {
	inSimulation(t, Options{}, func(s *storeTest) {
		a := s.put("a")
		s.sleep(time.Minute)
		b := s.put("b")
		if grown := b - a; grown < 60*versionsPerSecond || grown > 61*versionsPerSecond {
			s.Errorf("versions grew by %d in a minute", grown)
		}
	})
}

// TestForgets shows that a store that nobody uses any more keeps only its pairs.
func TestForgets(t *testing.T) {
	inSimulation(t, Options{Window: time.Second}, func(s *storeTest) {
		for i := range 20 {
			s.put(fmt.Sprint(i))
			s.readVersion()
			s.sleep(50 * time.Millisecond)
		}
		tx := s.Begin(kv.TxOptions{})
		tx.ClearRange([]byte("1"), []byte("5"))
		s.let(1)
		s.wantErr("clear", tx.Commit(ctx), nil)
		if n := s.engine.openSnapshots(); n < 10 {
			s.Errorf("%d snapshots open within the window", n)
		}
		s.sleep(3 * time.Second)
		r := s.resolver
		if n := s.engine.openSnapshots(); n != 1 || len(s.versions.list) != 1 || len(r.keys)+r.wide.Len()+
			len(r.written) != 0 || s.timer != nil {
			s.Errorf("%d snapshots open, %d versions, %d keys, timer %v", n, len(s.versions.list), len(r.keys), s.timer)
		}
	})
}

// TestReopen shows that nothing is lost, and that no version of a former life is valid, nor given again.
func TestReopen(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		engine := NewMemory()
		last := kv.Version(0)
		for i := range 4 {
			s, err := Open(e, engine, Options{Window: 10 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			tx := s.Begin(kv.TxOptions{})
			first, err := tx.ReadVersion(ctx)
			if first <= last || err != nil {
				t.Errorf("read version %d, after %d; %v", first, last, err)
			}
			if last > 0 {
				if _, err := s.GetAll(ctx, last, nil); !errors.Is(err, kv.ErrTooOld) {
					t.Errorf("a version of the former life: got error %v", err)
				}
			}
			value, err := tx.Get(ctx, []byte("n"))
			if want := string([]byte{byte(i)}[:min(i, 1)]); string(value) != want || err != nil {
				t.Errorf("got %q, %v, want %q", value, err, want)
			}
			tx.Reset()
			tx.Atomic(kv.AtomicAdd, []byte("n"), []byte{1})
			if err := tx.Commit(ctx); err != nil {
				t.Error(err)
			}
			if err := env.Sleep(e, ctx, time.Millisecond); err != nil {
				t.Error(err)
			}
			if last, err = s.ReadVersion(ctx, kv.PriorityDefault); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
