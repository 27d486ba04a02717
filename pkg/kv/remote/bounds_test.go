// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// slowForLarge is a backend whose large commits wait until their caller gives up, and which counts its watches.
type slowForLarge struct {
	ryw.Backend
	kv.Pinner
	never   *env.Event
	watches int
}

func newSlowForLarge(e env.Env, b ryw.Backend) *slowForLarge {
	return &slowForLarge{Backend: b, Pinner: b.(*occ.Store), never: env.NewEvent(e)}
}

func (s *slowForLarge) Commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	if len(c.Mutations) > 10 {
		if err := s.never.Wait(ctx); err != nil {
			return ryw.Committed{}, err
		}
	}
	return s.Backend.Commit(ctx, c)
}

func (s *slowForLarge) Watch(ctx context.Context, key, value []byte, v kv.Version) (kv.Watch, error) {
	w, err := s.Backend.Watch(ctx, key, value, v)
	if err != nil {
		return nil, err
	}
	s.watches++
	return countedWatch{w, s}, nil
}

type countedWatch struct {
	kv.Watch
	of *slowForLarge
}

func (w countedWatch) Cancel() {
	w.Watch.Cancel()
	w.of.watches--
}

const largeValue = 90_000

// fill writes n large values.
func (f *fixture) fill(n int) {
	f.Helper()
	for i := range n {
		f.put(fmt.Sprintf("large/%04d", i), string(make([]byte, largeValue)))
	}
}

// commitLarge begins to commit n large transactions, each through a store of its own, so that its client bounds
// nothing.
func commitLarge(f *fixture, g *env.Group, n, values int) (end func()) {
	var ends []func()
	for i := range n {
		store, end := f.client("greedy")
		ends = append(ends, end)
		g.Go("large commit", func(ctx context.Context) {
			tx := store.Begin(kv.TxOptions{})
			for j := range values {
				tx.Set(fmt.Appendf(nil, "commit/%d/%d", i, j), make([]byte, largeValue))
			}
			f.want("large commit", tx.Commit(ctx), kv.ErrCommitUnknown)
		})
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// TestGreedyClientHindersNobody lets a client ask for more than its share, in reads whose answers it does not take
// and in commits that take for ever, and shows that the server holds no more than the share for it, and serves
// another client as if the first were not there.
func TestGreedyClientHindersNobody(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		f := newFixture(t, e, func(b ryw.Backend) ryw.Backend { return newSlowForLarge(e, b) })
		defer f.close()
		f.fill(60)
		greedy, end := f.client("hungry")
		defer end()
		_, err := greedy.Begin(kv.TxOptions{}).Get(f.ctx, []byte("k"))
		f.must(err)
		v, err := f.begin().ReadVersion(f.ctx)
		f.must(err)

		tasks := env.NewGroup(e, f.ctx)
		endCommits := commitLarge(f, tasks, 10, 100)
		defer endCommits()
		f.sleep(time.Second)
		f.network.Block("server", "hungry")
		readLarge(f, tasks, greedy, v, context.Canceled)
		f.sleep(time.Second)

		held := f.server.service.Held()
		for what, n := range map[string][2]int64{"answers": {held.Answers, remote.AnswerBytesShare}, "requests": {
			held.Requests, remote.RequestBytesShare}} {
			if n[0] > n[1] || n[0] < n[1]*3/4 {
				t.Errorf("%d bytes of %s are held for a client that wants much more than its share, %d", n[0], what,
					n[1])
			}
		}
		began := e.Monotonic()
		f.put("k", "1")
		f.wantValue("k", "1")
		_, _, err = f.begin().Range(f.ctx, []byte("large"), []byte("largf"), kv.RangeOptions{BytesMax: 16 << 20})
		f.must(err)
		if took := e.Monotonic() - began; took > 10*time.Millisecond {
			t.Errorf("another client was served in %v, want at once", took)
		}
		tasks.Stop()
		f.must(tasks.Wait(f.ctx))
		f.network.Unblock("server", "hungry")
		f.sleep(time.Second)
		if held := f.server.service.Held(); held != (remote.Held{}) {
			t.Errorf("when all have given up, the server holds %+v", held)
		}
	})
}

// TestDeadClientLeavesNothing kills a client, once as a crash that is noticed and once as a machine that falls
// silent, while the server waits for it in all the ways there are, and shows that all is released: at once, or by the
// keepalive, and a pinned version when it expires.
func TestDeadClientLeavesNothing(t *testing.T) {
	for name, kill := range map[string]func(f *fixture){
		"crash":   func(f *fixture) { f.network.Cut("greedy") },
		"silence": func(f *fixture) { f.network.Partition("greedy", "server") },
	} {
		t.Run(name, func(t *testing.T) {
			envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
				e := s.Machine(coro.MainMachine)
				var backend *slowForLarge
				f := newFixture(t, e, func(b ryw.Backend) ryw.Backend {
					backend = newSlowForLarge(e, b)
					return backend
				})
				defer f.close()
				f.fill(60)
				dying, end := f.client("greedy")
				defer end()
				pin, err := dying.(kv.Pinner).Pin(f.ctx, 0)
				f.must(err)
				tasks := env.NewGroup(e, f.ctx)
				defer tasks.Stop()
				defer commitLarge(f, tasks, 8, 100)()
				for i := range 10 {
					tx := dying.Begin(kv.TxOptions{})
					w, err := tx.Watch(f.ctx, fmt.Appendf(nil, "watched/%d", i))
					f.must(err)
					f.must(tx.Commit(f.ctx))
					tasks.Go("watch", func(ctx context.Context) { f.want("watch", w.Wait(ctx), kv.ErrUnavailable) })
				}
				f.sleep(time.Second)
				f.network.Block("server", "greedy")
				readLarge(f, tasks, dying, pin, kv.ErrUnavailable)
				f.sleep(time.Second)
				if held := f.server.service.Held(); held.Requests == 0 || held.Answers == 0 || held.Watches == 0 ||
					held.Pins != 1 || backend.watches != 10 {
					t.Errorf("the server holds %+v and %d watches for the client", held, backend.watches)
				}
				kill(f)
				f.sleep(11 * time.Second) // five intervals of the keepalive
				held := f.server.service.Held()
				if held.Requests+held.Answers+held.Watches != 0 || backend.watches != 0 ||
					f.server.rpc.Stats().Connections != 1 {
					t.Errorf("the server holds %+v, %d watches and %d connections, of which one lives", held,
						backend.watches, f.server.rpc.Stats().Connections)
				}
				f.sleep(kv.PinTime)
				if held := f.server.service.Held(); held != (remote.Held{}) {
					t.Errorf("after a minute, the server holds %+v", held)
				}
				tx := f.begin()
				tx.SetReadVersion(pin)
				_, err = tx.Get(f.ctx, []byte("k"))
				f.want("read at a pin that has expired", err, kv.ErrTooOld)
				f.must(tasks.Wait(f.ctx))
			})
		})
	}
}

// TestClientBoundsItsCommits shows that a client has no more on its way than a server takes of it, that the others
// wait until one is decided or their context ends, and that a heartbeat passes them.
func TestClientBoundsItsCommits(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		var backend *slowForLarge
		f := newFixture(t, e, func(b ryw.Backend) ryw.Backend {
			backend = newSlowForLarge(e, b)
			return backend
		})
		defer f.close()
		commit := func(ctx context.Context, name string, values int, p kv.Priority) error {
			tx := f.store.Begin(kv.TxOptions{Priority: p})
			for i := range values {
				tx.Set(fmt.Appendf(nil, "%s/%d", name, i), make([]byte, largeValue))
			}
			return tx.Commit(ctx)
		}
		tasks := env.NewGroup(e, f.ctx)
		defer tasks.Stop()
		for i := range 8 {
			tasks.Go("commit", func(ctx context.Context) {
				f.want("commit", commit(ctx, fmt.Sprint(i), 100, kv.PriorityDefault), nil)
			})
		}
		f.sleep(time.Second)
		if held := f.server.service.Held().Requests; held > remote.CommitBytesMax || held < remote.CommitBytesMax/2 {
			t.Errorf("%d bytes of commits are on their way, of at most %d", held, remote.CommitBytesMax)
		}
		short, cancel := env.WithTimeout(e, f.ctx, time.Second)
		defer cancel()
		f.want("one that waits for them", commit(short, "late", 100, kv.PriorityDefault), kv.ErrCommitUnknown)
		f.want("heartbeat", commit(f.ctx, "heartbeat", 1, kv.PriorityHigh), nil)
		backend.never.Set()
		f.must(tasks.Wait(f.ctx))
	})
}

// TestPinsAreBounded shows how many versions a client can pin, that another one can still, and that nobody gives up
// what another has pinned.
func TestPinsAreBounded(t *testing.T) {
	envtest.Simulated(t, 2, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		f := newFixture(t, e, nil)
		defer f.close()
		second, end := f.client("second")
		defer end()
		first, other := f.store.(kv.Pinner), second.(kv.Pinner)
		var versions []kv.Version
		for i := range remote.PinsShare {
			f.put("k", fmt.Sprint(i))
			v, err := first.Pin(f.ctx, 0)
			f.must(err)
			versions = append(versions, v)
		}
		f.put("k", "last")
		_, err := first.Pin(f.ctx, 0)
		f.want("a pin too many", err, kv.ErrUnavailable)
		_, err = first.Pin(f.ctx, versions[0])
		f.want("a pin made again", err, nil)
		shared, err := other.Pin(f.ctx, versions[1])
		f.must(err)

		f.must(other.Unpin(f.ctx, versions[0])) // not its own
		f.must(first.Unpin(f.ctx, versions[1])) // not its alone
		f.must(first.Unpin(f.ctx, versions[2]))
		f.sleep(10 * time.Second)
		for i, want := range []error{nil, nil, kv.ErrTooOld, nil} {
			tx := f.begin()
			tx.SetReadVersion(versions[i])
			_, err := tx.Get(f.ctx, []byte("k"))
			f.want(fmt.Sprintf("read at version %d", i), err, want)
		}
		f.must(other.Unpin(f.ctx, shared))
		tx := f.begin()
		tx.SetReadVersion(shared)
		_, err = tx.Get(f.ctx, []byte("k"))
		f.want("read at what both gave up", err, kv.ErrTooOld)
		f.sleep(kv.PinTime)
		if held := f.server.service.Held(); held != (remote.Held{}) {
			t.Errorf("when all pins have expired, the server holds %+v", held)
		}
	})
}

// readLarge begins 40 reads of all that is large at a version, each of which is to end with want.
func readLarge(f *fixture, tasks *env.Group, store kv.Store, v kv.Version, want error) {
	for range 40 {
		tasks.Go("large read", func(ctx context.Context) {
			tx := store.Begin(kv.TxOptions{})
			tx.SetReadVersion(v)
			_, _, err := tx.Range(ctx, []byte("large"), []byte("largf"), kv.RangeOptions{BytesMax: 4 << 20})
			f.want("large read", err, want)
		})
	}
}
