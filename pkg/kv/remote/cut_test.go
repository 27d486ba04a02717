// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// fault befalls the nth frame of a conversation, counted from 0, in either direction, once.
type fault struct {
	n    int
	fate mem.Fate
	then func() // is told; must not block
	sent int
}

func (c *fault) Delay(_, _ string) time.Duration { return time.Millisecond }

func (c *fault) Dial(_, _ string) error { return nil }

func (c *fault) Frame(_, _ string) mem.Fate {
	c.sent++
	if c.sent-1 != c.n {
		return mem.Deliver
	}
	c.then()
	return c.fate
}

// befell reports whether there was an nth frame.
func (c *fault) befell() bool { return c.sent > c.n }

// outcome is what a client was told of a commit, and how often it has happened.
type outcome struct {
	told  string
	times uint64
}

const (
	toldYes     = "committed"
	toldNo      = "not committed"
	toldUnknown = "unknown"
)

func told(err error) string {
	switch {
	case err == nil:
		return toldYes
	case err == errNotTried, kv.NeverCommitted(err):
		return toldNo
	case errors.Is(err, kv.ErrCommitUnknown):
		return toldUnknown
	}
	return err.Error()
}

// honest reports whether the client was told the truth.
func (o outcome) honest() bool {
	switch o.told {
	case toldYes:
		return o.times == 1
	case toldNo:
		return o.times == 0
	case toldUnknown:
		return o.times <= 1
	}
	return false
}

// errNotTried: the transaction did not come to its commit.
var errNotTried = errors.New("a read failed")

// increment adds 1 to a counter, in a transaction that may read it first, which has to succeed, or to find that the
// version or the server is gone.
func (f *fixture) increment(ctx context.Context, store kv.Store, key string, reads bool) error {
	f.Helper()
	tx := store.Begin(kv.TxOptions{})
	if reads {
		if _, err := tx.Get(ctx, []byte(key)); err != nil {
			if !errors.Is(err, kv.ErrTooOld) && !errors.Is(err, kv.ErrUnavailable) {
				f.Errorf("a read failed with %v", err)
			}
			return errNotTried
		}
		f.sleep(5 * time.Millisecond) // for something to happen in between
	}
	tx.Atomic(kv.AtomicAdd, []byte(key), binary.LittleEndian.AppendUint64(nil, 1))
	return tx.Commit(ctx)
}

// counter returns how often a counter was incremented.
func (f *fixture) counter(key string) uint64 {
	f.Helper()
	value, err := f.begin().Get(f.ctx, []byte(key))
	f.must(err)
	if value == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(value)
}

// disaster is what happens at a frame.
type disaster struct {
	name string
	fate mem.Fate
	// after runs once the frame was sent, in a task.
	after func(f *fixture)
	// before, if not nil, runs before the conversation.
	before func(f *fixture)
	// wants are outcomes that must be seen, at one frame or another, of a transaction that reads and of one that does
	// not.
	reading, blind []outcome
}

func restart(f *fixture) {
	f.crash()
	f.sleep(20 * time.Millisecond)
	f.start(nil)
}

// TestCutAtEveryFrame makes something bad happen at each frame of a transaction's conversation in turn, from the
// first of the handshake to the answer to its commit, and shows that the client is told the truth of the commit at
// each.
func TestCutAtEveryFrame(t *testing.T) {
	yes, lost, found := outcome{toldYes, 1}, outcome{toldUnknown, 0}, outcome{toldUnknown, 1}
	no := outcome{toldNo, 0}
	nothing := func(*fixture) {}
	for _, d := range []disaster{
		{name: "cut", fate: mem.Break, after: nothing, reading: []outcome{yes, lost, found},
			blind: []outcome{yes, lost, found}},
		{name: "damage", fate: mem.Corrupt, after: nothing, reading: []outcome{yes, lost, found},
			blind: []outcome{yes, lost, found}},
		{
			name: "restart", fate: mem.Break, after: restart,
			reading: []outcome{yes, lost, found}, blind: []outcome{yes, lost, found},
		},
		{
			name: "restart behind it", after: func(f *fixture) {
				f.sleep(2 * time.Millisecond)
				restart(f)
			},
			reading: []outcome{yes, no}, blind: []outcome{yes},
		},
		{
			name: "silence", after: func(f *fixture) {
				f.network.Partition("client", "server")
				f.sleep(12 * time.Second)
				f.network.Heal("client", "server")
			},
			reading: []outcome{no, found}, blind: []outcome{yes, found},
		},
		{
			name: "cut when it comes back", fate: mem.Break, after: nothing,
			before: func(f *fixture) {
				f.crash()
				f.env.Go("come back", func() {
					f.sleep(50 * time.Millisecond)
					f.start(nil)
				})
			},
			reading: []outcome{yes, lost, found}, blind: []outcome{yes, lost, found},
		},
	} {
		for _, reads := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/reads=%v", d.name, reads), func(t *testing.T) {
				seen := make(map[outcome]int)
				for n, more := 0, true; more; n++ {
					more = false // unless the run says otherwise
					envtest.Simulated(t, 2, func(t *testing.T, s *coro.Scheduler) {
						var o outcome
						o, more = cutAt(t, s.Machine(coro.MainMachine), d, n, reads)
						if !o.honest() {
							t.Errorf("at frame %d, the client was told %q of what happened %d times", n, o.told,
								o.times)
						}
						seen[o]++
					})
					if t.Failed() || len(seen) == 0 {
						return // or the simulated runs are left out
					}
				}
				want := d.blind
				if reads {
					want = d.reading
				}
				for _, o := range want {
					if seen[o] == 0 {
						t.Errorf("%+v was never seen, but %v", o, seen)
					}
				}
			})
		}
	}
}

// cutAt runs a transaction with a disaster at its nth frame, and reports whether there was one.
func cutAt(t *testing.T, e env.Env, d disaster, n int, reads bool) (outcome, bool) {
	f := newFixture(t, e, nil)
	defer f.close()
	struck, over := env.NewEvent(e), env.NewEvent(e)
	e.Go("disaster", func() {
		f.must(struck.Wait(f.ctx))
		d.after(f)
		over.Set()
	})
	if d.before != nil {
		d.before(f)
	}
	c := &fault{n: n, fate: d.fate, then: struck.Set}
	f.network.SetConditions(c)
	err := f.increment(f.ctx, f.store, "n", reads)
	f.network.SetConditions(nil)
	befell := c.befell()
	struck.Set()
	f.must(over.Wait(f.ctx))
	f.sleep(time.Minute) // nothing is on its way any more
	return outcome{told(err), f.counter("n")}, befell
}

// flaky is a network that breaks the connection at some frames, and damages others.
type flaky struct {
	rnd *env.Rand
	in  int
}

func (c flaky) Delay(_, _ string) time.Duration {
	return time.Duration(c.rnd.IntN(int(10 * time.Millisecond)))
}

func (c flaky) Dial(_, _ string) error { return nil }

func (c flaky) Frame(_, _ string) mem.Fate {
	switch c.rnd.IntN(c.in) {
	case 0:
		return mem.Break
	case 1:
		return mem.Corrupt
	}
	return mem.Deliver
}

// TestNothingIsCommittedTwice lets clients count on a network that keeps breaking, with a server that keeps
// restarting, and shows that the counter is between what they know of and what they do not.
func TestNothingIsCommittedTwice(t *testing.T) {
	envtest.Simulated(t, 6, func(t *testing.T, s *coro.Scheduler) {
		const clients, each = 4, 40
		e := s.Machine(coro.MainMachine)
		f := newFixture(t, e, nil)
		defer f.close()
		f.network.SetConditions(flaky{rnd: e.Rand("flaky"), in: 60})
		tasks := env.NewGroup(e, f.ctx)
		defer tasks.Stop()
		count := make(map[string]uint64)
		for i := range clients {
			store, end := f.client(fmt.Sprint("client ", i))
			defer end()
			tasks.Go("count", func(ctx context.Context) {
				for j := range each {
					count[told(f.increment(ctx, store, "n", j%4 == 0))]++
				}
			})
		}
		for range 5 {
			f.sleep(300 * time.Millisecond)
			restart(f)
		}
		f.must(tasks.Wait(f.ctx))
		f.network.SetConditions(nil)
		f.sleep(time.Minute)
		n := f.counter("n")
		if n < count[toldYes] || n > count[toldYes]+count[toldUnknown] || len(count) > 3 {
			t.Errorf("the counter is %d, and the clients were told %v", n, count)
		}
		if count[toldYes] == 0 || count[toldUnknown] == 0 {
			t.Errorf("nothing was at stake: the clients were told %v", count)
		}
	})
}
