// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	callersCount = 16
	// countersCount is large enough for every node to own some, wherever they are put.
	countersCount = 48
	callTimeout   = 30 * time.Second
)

// tally is what callers know of one counter, to which only ones are added.
type tally struct {
	id api.ActorID

	mu        sync.Mutex
	attempted int64
	acked     map[int64]bool // the replies
	round     int64          // greatest of an acknowledged call
}

func newTally(id string) *tally {
	return &tally{id: api.ActorID{Namespace: "counter", ID: id}, acked: make(map[int64]bool)}
}

func (t *tally) attempt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempted++
}

// acknowledge takes the reply to a call that began in a round.
func (t *tally) acknowledge(value, round int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.acked[value] {
		return fmt.Errorf("%s: two calls were answered %d", t.id, value)
	}
	t.acked[value] = true
	t.round = max(t.round, round)
	return nil
}

// check holds the counter's final value against what was acknowledged.
func (t *tally) check(final int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	acked := int64(len(t.acked))
	if final < acked || final > t.attempted {
		return fmt.Errorf("%s is %d after %d acknowledged adds of %d attempted", t.id, final, acked, t.attempted)
	}
	for value := range t.acked {
		if value < 1 || value > final {
			return fmt.Errorf("%s is %d, and a call was answered %d", t.id, final, value)
		}
	}
	return nil
}

// load is callers that add to counters through all nodes until they are finished.
type load struct {
	*cluster
	// mayFail are the codes that a call may fail with.
	mayFail map[api.Code]bool
	// client, if not nil, makes the calls, as a program does: under keys by which it finds out what became of them.
	client   *client.Client
	counters []*tally
	round    atomic.Int64
	stopping chan struct{}
	callers  sync.WaitGroup

	mu      sync.Mutex
	calls   int
	failed  map[api.Code]int
	longest time.Duration // of a call that was answered, since the last report
}

// startClientLoad is startLoad with a client, whose calls must not fail at all.
func (c *cluster) startClientLoad() *load {
	c.Helper()
	var addrs []string
	for _, n := range c.nodes {
		addrs = append(addrs, n.address)
	}
	cl, err := client.New(env.Real(), tcp.New(), client.Config{Addrs: addrs})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(cl.Close)
	return c.beginLoad(&load{client: cl})
}

// startLoad starts the callers and waits until every counter has answered.
func (c *cluster) startLoad(mayFail ...api.Code) *load {
	c.Helper()
	return c.beginLoad(&load{}, mayFail...)
}

func (c *cluster) beginLoad(l *load, mayFail ...api.Code) *load {
	c.Helper()
	l.cluster, l.mayFail = c, make(map[api.Code]bool)
	l.stopping, l.failed = make(chan struct{}), make(map[api.Code]int)
	for _, code := range mayFail {
		l.mayFail[code] = true
	}
	for i := range countersCount {
		l.counters = append(l.counters, newTally(fmt.Sprintf("c%d", i)))
	}
	for i := range callersCount {
		l.callers.Go(func() { l.run(i) })
	}
	c.Cleanup(l.stop) // before the daemons are killed
	l.awaitProgress()
	return l
}

// run is one caller.
func (l *load) run(caller int) {
	for n := caller; ; n++ {
		select {
		case <-l.stopping:
			return
		default:
		}
		l.add(l.counters[n%len(l.counters)], n/len(l.counters)+n)
	}
}

func (l *load) add(t *tally, address int) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	round, began := l.round.Load(), time.Now()
	t.attempt()
	value, err := l.call(ctx, address, t.id)
	l.count(api.CodeOf(err), time.Since(began))
	switch {
	case err == nil:
		if err := t.acknowledge(value, round); err != nil {
			l.Error(err)
		}
	case !l.mayFail[api.CodeOf(err)]:
		l.Errorf("add to %s, after %v: %v", t.id, time.Since(began).Round(time.Millisecond), err)
	}
}

// call adds one, through the client or, without one, through any node that takes the call.
func (l *load) call(ctx context.Context, address int, id api.ActorID) (int64, error) {
	if l.client != nil {
		return client.Call[int64](ctx, l.client, id, "add", 1)
	}
	return l.callAnywhere(ctx, address, id, "add", 1)
}

func (l *load) count(code api.Code, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if code != api.CodeOK {
		l.failed[code]++
		return
	}
	l.longest = max(l.longest, took)
}

// awaitProgress waits until every counter has acknowledged a call that began after now.
func (l *load) awaitProgress() {
	l.Helper()
	round := l.round.Add(1)
	poll(l.T, "every counter answers", func() error {
		for _, t := range l.counters {
			t.mu.Lock()
			reached := t.round
			t.mu.Unlock()
			if reached < round {
				return fmt.Errorf("%s does not", t.id)
			}
		}
		return nil
	})
}

// report logs the longest that a call has taken since the last report.
func (l *load) report(what string) {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Logf("%s: the longest call took %v (%d calls so far, failed %v)", what, l.longest.Round(time.Millisecond),
		l.calls, l.failed)
	l.longest = 0
}

// stop ends the callers. It may be called again.
func (l *load) stop() {
	select {
	case <-l.stopping:
	default:
		close(l.stopping)
	}
	l.callers.Wait()
}

// finish ends the callers and holds every counter, as each node shows it, against what was acknowledged.
func (l *load) finish() {
	l.Helper()
	l.stop()
	for _, t := range l.counters {
		l.checkCounter(t)
	}
}

// checkCounter reads a counter through every node.
func (c *cluster) checkCounter(t *tally) {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	for i := range c.nodes {
		final, err := c.callAnywhere(ctx, i, t.id, "get", struct{}{})
		if err != nil {
			c.Errorf("reading %s through %s: %v", t.id, c.nodes[i].name, err)
		} else if err := t.check(final); err != nil {
			c.Errorf("through %s: %v", c.nodes[i].name, err)
		}
	}
}
