// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

const (
	stormSeeds  = 60
	stormTime   = 200 * time.Millisecond
	stormFrames = 40 // a stream
	stormLinks  = 5
)

var stormHosts = []string{"a", "b", "c"}

// storm is a few hosts with links between them, on which everything is sent and everything happens. What each seed
// has of it is drawn first.
type storm struct {
	t        *testing.T
	e        env.Env
	rnd      *env.Rand
	n        *mem.Network
	conduits []*conduit
	streams  []*stream

	delayMin, delayMax                time.Duration
	blocks, breaks, corrupts, cuts    bool
	closes                            bool
	blockedSince                      map[[2]string]time.Duration
	everBlocked                       bool
	corrupted, mismatched             int
	calm                              bool
	senders, receivers, probes, chaos *env.Group
}

func (st *storm) Delay(from, to string) time.Duration {
	return st.delayMin + time.Duration(st.rnd.Int64N(int64(st.delayMax-st.delayMin)+1))
}

func (st *storm) Frame(string, string) mem.Fate {
	switch {
	case st.calm:
	case st.breaks && st.rnd.IntN(400) == 0:
		return mem.Break
	case st.corrupts && st.rnd.IntN(20) == 0:
		st.corrupted++
		return mem.Corrupt
	}
	return mem.Deliver
}

func (st *storm) Dial(string, string) error {
	if !st.calm && st.rnd.IntN(10) == 0 {
		return net.ErrWriteToConnected // any error will do
	}
	return nil
}

func (st *storm) now() time.Duration { return st.e.Monotonic() }

func (st *storm) nap(d time.Duration) {
	if err := env.Sleep(st.e, background, time.Duration(st.rnd.Int64N(int64(d)))); err != nil {
		st.t.Error(err)
	}
}

// TestStorm checks, under many seeds, that frames arrive in order, unchanged, not too early, not through a block, in
// time where nothing is in the way; and that nothing is lost but by what may lose it.
func TestStorm(t *testing.T) {
	envtest.Simulated(t, stormSeeds, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		rnd := e.Rand("storm")
		oneIn := func(n int) bool { return rnd.IntN(n) == 0 }
		st := &storm{
			t: t, e: e, rnd: rnd, n: mem.NewNetwork(e), blockedSince: make(map[[2]string]time.Duration),
			delayMin: time.Duration(rnd.IntN(3)) * time.Millisecond,
			blocks:   oneIn(2), breaks: oneIn(4), corrupts: oneIn(4), cuts: oneIn(4), closes: oneIn(2),
			senders: env.NewGroup(e, background), receivers: env.NewGroup(e, background),
			probes: env.NewGroup(e, background), chaos: env.NewGroup(e, background),
		}
		st.delayMax = st.delayMin + time.Duration(rnd.IntN(3))*7*time.Millisecond
		st.run()
	})
}

func (st *storm) run() {
	st.listen()
	for i := range stormLinks {
		st.connect(i)
	}
	st.n.SetConditions(st)
	for _, c := range st.conduits {
		if st.closes {
			st.chaos.Go("closer", func(context.Context) { st.nap(2 * stormTime); st.close(c, st.rnd.IntN(2)) })
		}
	}
	for _, x := range st.streams {
		st.senders.Go("sender", func(context.Context) { st.send(x) })
		st.receivers.Go("receiver", func(context.Context) { st.receive(x) })
	}
	for range 3 {
		st.probes.Go("prober", func(ctx context.Context) { st.probe(ctx) })
	}
	if st.blocks {
		st.chaos.Go("blocker", func(context.Context) { st.block() })
	}
	if st.cuts {
		st.chaos.Go("cutter", func(context.Context) { st.nap(2 * stormTime); st.cut() })
	}
	st.await(st.chaos)
	st.settle()
}

// listen has every host answer at one address, for probes.
func (st *storm) listen() {
	for _, host := range stormHosts {
		l := listen(st.t, st.n.Transport(st.e, host), host+":2")
		st.e.Go("acceptor", func() {
			for {
				link, err := l.Accept()
				if err != nil {
					return
				}
				st.e.Go("echo", func() {
					defer link.Close()
					link.Greeted()
					if b, err := link.Receive(rpc.ClassCall); err == nil {
						_ = link.Send(rpc.ClassCall, [][]byte{{0, 0, 0, byte(len(b))}, b})
					}
					_, _ = link.Receive(rpc.ClassCall)
				})
			}
		})
	}
}

// probe dials again and again: across a block it must not succeed.
func (st *storm) probe(ctx context.Context) {
	for ctx.Err() == nil && !st.calm {
		st.nap(20 * time.Millisecond)
		from, to := st.host(), st.host()
		st.dial(ctx, from, to)
	}
}

func (st *storm) host() string { return stormHosts[st.rnd.IntN(len(stormHosts))] }

func (st *storm) dial(ctx context.Context, from, to string) {
	ctx, cancel := env.WithTimeout(st.e, ctx, time.Duration(st.rnd.IntN(100))*time.Millisecond)
	defer cancel()
	began := st.now()
	link, err := st.n.Transport(st.e, from).Dial(ctx, to+":2")
	if err != nil {
		return
	}
	defer link.Close()
	link.Greeted()
	if took := st.now() - began; took < st.delayMin && began > 0 {
		st.t.Errorf("a dial took %v, want at least %v", took, st.delayMin)
	}
	for _, r := range [][2]string{{from, to}, {to, from}} {
		if since, blocked := st.blockedSince[r]; blocked && since < st.now() {
			st.t.Errorf("connected %v through a block of %v", [2]string{from, to}, r)
		}
	}
	if err := link.Send(rpc.ClassCall, [][]byte{frame(1, 8)}); err == nil {
		_, _ = link.Receive(rpc.ClassCall)
	}
}

// block blocks and unblocks at random.
func (st *storm) block() {
	for range 20 {
		st.nap(2 * stormTime / 10)
		a, b := st.host(), st.host()
		there, back := [2]string{a, b}, [2]string{b, a}
		switch st.rnd.IntN(5) {
		case 0:
			st.n.Partition(a, b)
			st.noteBlocked(there, back)
		case 1, 2:
			st.n.Block(a, b)
			st.noteBlocked(there)
		case 3:
			st.n.Heal(a, b)
			st.noteUnblocked(there, back)
		case 4:
			st.n.Unblock(a, b)
			st.noteUnblocked(there)
		}
	}
}

func (st *storm) noteBlocked(routes ...[2]string) {
	st.everBlocked = true
	for _, r := range routes {
		if _, already := st.blockedSince[r]; !already {
			st.blockedSince[r] = st.now()
		}
	}
}

func (st *storm) noteUnblocked(routes ...[2]string) {
	for _, r := range routes {
		delete(st.blockedSince, r)
	}
}

func (st *storm) close(c *conduit, end int) {
	c.closed[end] = true
	c.ends[end].Close()
}

func (st *storm) cut() {
	host := st.host()
	for _, c := range st.conduits {
		c.cut = c.cut || c.hosts[0] == host || c.hosts[1] == host
	}
	st.n.Cut(host)
	for _, c := range st.conduits {
		for i, end := range c.ends {
			if c.hosts[i] != host {
				continue
			}
			if b, err := end.Receive(rpc.ClassCall); err == nil {
				st.t.Errorf("a host that was cut off received %d bytes", len(b))
			}
		}
	}
}

// settle ends all that is in the way, and checks that everything has arrived then.
func (st *storm) settle() {
	st.calm = true
	for _, from := range stormHosts {
		for _, to := range stormHosts {
			st.noteUnblocked([2]string{from, to})
			st.n.Unblock(from, to)
		}
	}
	st.await(st.senders)
	sleep(st.t, st.e, st.delayMax+time.Second)
	for _, x := range st.streams {
		lost := x.received < x.sent
		if lost && !st.breaks && !x.cut && !x.closed[x.to] {
			st.t.Errorf("%s: %d frames were sent and %d received, then %v", x.name, x.sent, x.received, x.ended)
		}
		if x.closed[x.from] && !x.closed[x.to] && !st.breaks && !x.cut && !errors.Is(x.ended, io.EOF) {
			st.t.Errorf("%s: ended with %v, want EOF", x.name, x.ended)
		}
	}
	for _, c := range st.conduits {
		st.close(c, 0)
		st.close(c, 1)
	}
	st.await(st.receivers)
	st.await(st.probes)
	sleep(st.t, st.e, st.delayMax+time.Second)
	if st.mismatched > st.corrupted {
		st.t.Errorf("%d frames were changed, and %d corrupted", st.mismatched, st.corrupted)
	}
	if open, dialling := st.n.Links(); open+dialling > 0 {
		st.t.Errorf("%d links are left, and %d dials", open, dialling)
	}
}

func (st *storm) await(g *env.Group) {
	st.t.Helper()
	ctx, cancel := env.WithTimeout(st.e, background, time.Minute)
	defer cancel()
	if err := g.Wait(ctx); err != nil {
		st.t.Errorf("stuck: %v", err)
	}
}
