// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// span is a range of times, of which one is drawn.
type span struct{ from, to time.Duration }

func (s span) draw(r *rand.Rand) time.Duration {
	return s.from + time.Duration(r.Int64N(int64(s.to-s.from)))
}

// Between two faults the store is calm for so long that a lease can run out, which a store that does not answer
// prevents.
var (
	nodeCalm  = span{time.Second, 5 * time.Second}
	storeCalm = span{3 * time.Second, 8 * time.Second}
)

// nemesis does harm to processes, each at its own times, and repairs what it did. At any time one node or more is
// left alone.
type nemesis struct {
	*testing.T
	journal *journal
	// victims is for as many nodes as may be harmed at once.
	victims chan struct{}
	lanes   sync.WaitGroup

	mu      sync.Mutex
	counted map[string]int
	harmed  map[string]string // process to fault
}

func newNemesis(t *testing.T, c clock) *nemesis {
	return &nemesis{
		T: t, journal: &journal{clock: c}, victims: make(chan struct{}, nodesCount-1),
		counted: make(map[string]int), harmed: make(map[string]string),
	}
}

// run harms the cluster until ctx ends, and returns when everything is healed. What is done to one process is drawn
// apart from what is done to others.
func (n *nemesis) run(ctx context.Context, c *cluster, seed uint64) {
	for i, node := range c.nodes {
		n.lanes.Go(func() {
			n.lane(ctx, &lane{nemesis: n, process: node, random: rand.New(rand.NewPCG(seed, uint64(i+1)))})
		})
	}
	if c.store != nil {
		n.lanes.Go(func() {
			n.lane(ctx, &lane{nemesis: n, process: c.store, random: rand.New(rand.NewPCG(seed, 0)), store: true})
		})
	}
	n.lanes.Wait()
}

// lane harms one process, one fault after another.
func (n *nemesis) lane(ctx context.Context, l *lane) {
	calm, faults := nodeCalm, nodeFaults
	if l.store {
		calm, faults = storeCalm, storeFaults
	}
	for l.wait(ctx, calm.draw(l.random)) {
		f := faults[l.random.IntN(len(faults))]
		lasts := f.lasts.draw(l.random)
		if !l.store && !n.choose(ctx) {
			break
		}
		if l.alive() {
			n.begin(l.process, f)
			f.do(ctx, l, lasts)
			n.end(l.process)
		}
		if !l.store {
			<-n.victims
		}
	}
	l.alive()
}

// choose waits until another node may be harmed, and reports whether there still is time for it.
func (n *nemesis) choose(ctx context.Context) bool {
	select {
	case n.victims <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *nemesis) begin(p *process, f fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counted[f.name]++
	n.harmed[p.name] = f.name
}

func (n *nemesis) end(p *process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.harmed, p.name)
}

// String says what was done so far, and what is harmed now.
func (n *nemesis) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var counts, now []string
	for _, name := range slices.Sorted(maps.Keys(n.counted)) {
		counts = append(counts, fmt.Sprintf("%d %s", n.counted[name], name))
	}
	for _, name := range slices.Sorted(maps.Keys(n.harmed)) {
		now = append(now, name+" "+n.harmed[name])
	}
	return fmt.Sprintf("faults: %s; now: %s", strings.Join(counts, ", "), strings.Join(now, ", "))
}

// lane is what is done to one process.
type lane struct {
	*nemesis
	process *process
	random  *rand.Rand
	store   bool
}

// wait lets time pass, and reports whether the end has not come. It does not wait for longer than that.
func (l *lane) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// alive wants the process to run, and starts it again if it has ended by itself.
func (l *lane) alive() bool {
	if l.process.cmd == nil {
		return false // it could not be started: that was reported
	}
	ended, err := l.process.end()
	if ended {
		l.fail("has ended by itself: %v", err)
		l.start()
	}
	return l.process.cmd != nil
}

// start starts the process and waits until it serves. One that ends as it does not find the store is started again,
// as a service manager would.
func (l *lane) start() {
	began := l.journal.now()
	for l.journal.now()-began < patience {
		l.journal.add("start %s", l.process.name)
		err := l.process.start()
		if err == nil {
			l.journal.add("%s serves", l.process.name)
			return
		}
		if !errors.Is(err, errUnavailable) {
			l.fail("does not start: %v", err)
			return
		}
		l.journal.add("%s has ended before it served: %v", l.process.name, err)
	}
	l.fail("could not be started for %v", patience)
}

// fail reports what a process should not have done.
func (l *lane) fail(format string, args ...any) {
	what := l.process.name + " " + fmt.Sprintf(format, args...)
	l.journal.add("%s", what)
	l.Errorf("%v: %s", seconds(l.journal.now()), what)
}
