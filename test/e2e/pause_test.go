// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestPausedNode shows that a node that was stopped past its lease, and goes on as if nothing had happened, neither
// commits nor answers anything for the actors that others have taken over: it drops them, and joins again.
func TestPausedNode(t *testing.T) {
	c := newCluster(t, 3, lease{ttl: time.Second, heartbeat: 200 * time.Millisecond})
	l := c.startLoad()
	l.stop()
	paused := c.nodes[2]
	before := c.leases()[paused.name]
	p := &pausedCalls{cluster: c, address: paused.address, tallies: l.tallies(c.wantActors(paused))}
	t.Cleanup(p.calls.Wait)
	for _, tally := range p.tallies { // which also makes the connection
		p.get(tally, 0)
	}

	paused.signal(syscall.SIGSTOP)
	for i, tally := range p.tallies {
		if i%2 == 0 { // the others are only read: no write beside a read shows that it is stale
			p.calls.Go(func() { p.add(tally) }) // reaches a node that holds its claims, and can't know better
		}
	}
	floors := make([]int64, len(p.tallies))
	for range 3 {
		for i, tally := range p.tallies {
			floor := p.addElsewhere(tally)
			floors[i] = floor
			p.calls.Go(func() { p.get(tally, floor) })
			if i%2 == 0 {
				p.calls.Go(func() { p.add(tally) })
			}
		}
	}
	c.awaitLease(paused, "failed", func(row api.LeaseRow) bool { return row.State == "failed" })

	paused.signal(syscall.SIGCONT)
	after := c.awaitLease(paused, "held by another run, without actors", func(row api.LeaseRow) bool {
		return row.State == "active" && row.Epoch > before.Epoch && row.Incarnation != before.Incarnation &&
			row.Actors == 0
	})
	t.Logf("%s had %d actors under epoch %d, and is back with none under epoch %d", paused.name, len(p.tallies),
		before.Epoch, after.Epoch)
	if !paused.running() {
		t.Errorf("%s has ended", paused.name)
	}
	if owned := c.ownedBy(paused); len(owned) != 0 {
		t.Errorf("%s owns %+v again", paused.name, owned)
	}
	p.calls.Wait()
	for i, tally := range p.tallies {
		p.get(tally, floors[i])
		c.checkCounter(tally)
	}
}

// tallies returns those of actors.
func (l *load) tallies(actors []api.ActorRow) []*tally {
	var found []*tally
	for _, row := range actors {
		for _, t := range l.counters {
			if t.id.String() == row.Actor {
				found = append(found, t)
			}
		}
	}
	return found
}

// pausedCalls are calls of the actors of a node that is paused meanwhile.
type pausedCalls struct {
	*cluster
	address string // the node's
	tallies []*tally
	calls   sync.WaitGroup
}

// add adds through the node, which may answer or not.
func (p *pausedCalls) add(t *tally) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	t.attempt()
	value, err := p.call(ctx, p.address, t.id, "add", 1)
	p.wantCode(err)
	if err == nil {
		if err := t.acknowledge(value, 0); err != nil {
			p.Errorf("through the paused node: %v", err)
		}
	}
}

// get reads through the node: if it answers, with no less than was acknowledged before.
func (p *pausedCalls) get(t *tally, floor int64) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	value, err := p.call(ctx, p.address, t.id, "get", struct{}{})
	p.wantCode(err)
	if err == nil && value < floor {
		p.Errorf("the paused node says that %s is %d, after others have said %d", t.id, value, floor)
	}
}

// wantCode wants a call not to fail but in a way that says whether it may have run, and not to hang.
func (p *pausedCalls) wantCode(err error) {
	switch api.CodeOf(err) {
	case api.CodeOK, api.CodeUnavailable, api.CodeUnknown, api.CodeMoved:
	default:
		p.Errorf("through the paused node: %v", err)
	}
}

// addElsewhere adds through the other nodes until that is answered, and returns the value.
func (p *pausedCalls) addElsewhere(t *tally) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	for at := 0; ; at++ {
		t.attempt()
		value, err := p.call(ctx, p.nodes[at%2].address, t.id, "add", 1)
		if err == nil {
			if err := t.acknowledge(value, 0); err != nil {
				p.Error(err)
			}
			return value
		}
		if ctx.Err() != nil || !notRun(err) && api.CodeOf(err) != api.CodeUnknown {
			p.Fatalf("%s is not taken over: %v", t.id, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}
