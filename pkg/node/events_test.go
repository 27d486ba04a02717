// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/eventlog"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// gathering is longer than events wait until they are stored.
const gathering = 5 * time.Second

// storedEvents asks a node for all that is stored, by the node that told it. They are in order of number.
func (c *cluster) storedEvents(via string) map[string][]api.Event {
	c.Helper()
	out := make(map[string][]api.Event)
	for req := (&api.StoredEventsRequest{}); ; {
		reply, err := admin[api.StoredEventsRequest, api.StoredEventsReply](c, via, api.MethodStoredEvents, req)
		if err != nil {
			c.Fatal(err)
		}
		for _, e := range reply.Events {
			if before := out[e.By]; len(before) > 0 && before[len(before)-1].Number >= e.Number {
				c.Fatalf("%+v is stored behind %+v", e, before[len(before)-1])
			}
			out[e.By] = append(out[e.By], e)
		}
		if req.After = reply.Next; reply.Next == nil {
			return out
		}
	}
}

// tell has a node record n events, numbered from a number on.
func (c *cluster) tell(id string, from, n int) {
	for i := range n {
		c.nodes[id].Happened(api.Event{Kind: api.EventStuck, Node: id, Actor: fmt.Sprintf("counter/%d", from+i)})
	}
}

// kinds are the kinds of events about a node, in order.
func kinds(events []api.Event, node string) (out []string) {
	for _, e := range events {
		if e.Node == node {
			out = append(out, e.Kind)
		}
	}
	return out
}

// stop stops a node gracefully.
func (c *cluster) stop(id string) {
	c.Helper()
	m := c.nodes[id]
	stopped := env.NewFuture[struct{}](c.env)
	m.machine.Go("stop", func() { stopped.Complete(struct{}{}, m.Stop(context.Background())) })
	if _, err := stopped.Wait(c.ctx); err != nil {
		c.Fatal(err)
	}
	delete(c.nodes, id)
}

func TestEventsSurviveARestart(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.sleep(gathering)
		c.tell("n2", 0, 3)
		c.sleep(gathering)
		c.crash("n2")
		c.sleep(3 * leaseTTL)
		dead := c.storedEvents("n1")["n2"]
		if got := kinds(dead, "n2"); !slices.Equal(got, []string{"joined", "stuck", "stuck", "stuck"}) {
			c.Fatalf("of a dead node there is %v", got)
		}
		c.start("n2")
		c.tell("n2", 3, 1)
		c.sleep(gathering)
		now := c.storedEvents("n3")
		if got := kinds(now["n2"], "n2"); !slices.Equal(got, []string{"joined", "stuck", "stuck", "stuck", "joined",
			"stuck"}) || !slices.Equal(now["n2"][:len(dead)], dead) {
			c.Fatalf("of two lives there is %v", got)
		}
		// With what the nodes say themselves nothing is there twice, and what several tell is told once.
		live, err := admin[api.EventsRequest, api.EventsReply](c, "n1", api.MethodEvents, &api.EventsRequest{})
		if err != nil {
			c.Fatal(err)
		}
		all := live.Events
		for _, id := range []string{"n1", "n2", "n3"} {
			all = append(all, now[id]...)
		}
		if got := kinds(eventlog.Merge(all), "n2"); !slices.Equal(got, []string{"joined", "stuck", "stuck", "stuck",
			"failed", "joined", "stuck"}) {
			c.Errorf("together that is %v", got)
		}
	})
}

// TestEventsGoOnWhenTheClockWasSetBack restarts a node whose clock is a day behind that of its former life.
func TestEventsGoOnWhenTheClockWasSetBack(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		c.sleep(gathering)
		c.crash("n2")
		c.sleep(3 * leaseTTL)
		c.sched.Machine("n2").SetWallOffset(-24 * time.Hour)
		c.start("n2")
		c.sleep(gathering)
		got := c.storedEvents("n1")["n2"] // which compares the numbers
		if !slices.Equal(kinds(got, "n2"), []string{"joined", "joined"}) || got[len(got)-1].Time > got[0].Time {
			c.Errorf("%+v", got)
		}
	})
}

func TestLastEventsAreStoredBeforeANodeStops(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(2)
		c.sleep(gathering)
		c.tell("n2", 0, 2)
		c.stop("n2") // at once
		if got := kinds(c.storedEvents("n1")["n2"], "n2"); !slices.Equal(got, []string{"joined", "stuck", "stuck",
			"left"}) {
			c.Errorf("%v", got)
		}
		if left := c.events("n1", api.EventLeft); len(left) != 1 || left[0].Node != "n2" {
			c.Errorf("%+v", left)
		}
	})
}

func TestEventsCostNothingWhileNothingHappens(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 1)
		c.sleep(gathering)
		before, reads := c.store.eventCommits, c.store.reads
		c.sleep(time.Minute)
		beats := 3 * int(time.Minute/heartbeat)
		if now := c.store.eventCommits; now != before || c.store.reads-reads > beats+beats/10 {
			c.Errorf("%d writes of events and %d reads for %d heartbeats of an idle cluster", now-before,
				c.store.reads-reads, beats)
		}
		for i := range 100 { // in ten seconds
			c.tell("n1", i, 1)
			c.sleep(100 * time.Millisecond)
		}
		c.sleep(gathering)
		if now := c.store.eventCommits; now-before > 5 {
			c.Errorf("%d writes for the events of ten seconds", now-before)
		}
		if got := len(kinds(c.storedEvents("n2")["n1"], "n1")); got != 101 {
			c.Errorf("%d events, want 100 and one", got)
		}
	})
}

func TestEventsOfANodeAreBounded(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(1)
		for i := range 30 {
			c.tell("n1", 100*i, 100)
			c.sleep(gathering)
		}
		got := c.storedEvents("n1")["n1"]
		if len(got) > api.EventsKept || len(got) < api.EventsKept*3/4 || got[len(got)-1].Actor != "counter/2999" {
			c.Fatalf("%d events, the last %+v", len(got), got[len(got)-1])
		}
		// Its next life counts those of this one.
		c.crash("n1")
		c.start("n1")
		c.tell("n1", 3000, 900)
		c.sleep(gathering)
		got = c.storedEvents("n1")["n1"]
		if len(got) != api.EventsKept || got[0].Actor != "counter/2901" ||
			got[len(got)-1].Actor != "counter/3899" {
			c.Fatalf("%d events, from %+v to %+v", len(got), got[0], got[len(got)-1])
		}
	})
}

// TestOldEventsAreDeleted has a week go by: with the next event a node deletes its own old ones, and one of the
// members those of a node that is gone.
func TestOldEventsAreDeleted(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(3)
		c.sleep(gathering)
		c.tell("n3", 0, 5)
		c.sleep(gathering)
		c.crash("n3")
		c.sleep(3*leaseTTL + gathering)
		if got := c.storedEvents("n1"); len(got["n3"]) < 6 {
			c.Fatalf("of the dead node there are %+v", got["n3"])
		}
		for _, id := range []string{"n1", "n2"} {
			c.nodes[id].machine.SetWallOffset(api.EventsKeptFor - time.Hour)
			c.tell(id, 10, 1)
		}
		c.sleep(gathering)
		before := c.storedEvents("n1")
		if len(before["n3"]) < 6 || len(kinds(before["n1"], "n3")) == 0 {
			c.Fatalf("too young: %+v", before)
		}
		c.sleep(time.Hour) // until others are looked at again
		for _, id := range []string{"n1", "n2"} {
			c.nodes[id].machine.SetWallOffset(api.EventsKeptFor + time.Hour)
			c.tell(id, 11, 1)
		}
		c.sleep(gathering)
		after := c.storedEvents("n1")
		if len(after["n3"]) != 0 {
			c.Errorf("of the dead node there are still %+v", after["n3"])
		}
		for _, id := range []string{"n1", "n2"} {
			if got := kinds(after[id], id); !slices.Contains(got, "stuck") || slices.Contains(got, "joined") {
				c.Errorf("of %s there is %v", id, got)
			}
		}
	})
}

func TestEventsWaitWhileTheStoreIsAway(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(2)
		c.sleep(gathering)
		cut.from = []string{"n1"}
		c.sleep(4 * heartbeat)
		before := c.store.eventCommits
		c.tell("n1", 0, 200)
		c.sleep(time.Minute)
		if n := c.store.eventCommits - before; n > 1 { // n2 has told of n1's end
			c.Errorf("%d attempts without the store", n)
		}
		cut.from = nil
		c.sleep(3*heartbeat + gathering)
		got := kinds(c.storedEvents("n2")["n1"], "n1")
		if lost := c.events("n2", api.EventEventsLost); len(lost) != 0 || !slices.Contains(got, api.EventStoreLost) ||
			!slices.Contains(got, api.EventStoreBack) || !slices.Contains(got, api.EventLeaseLost) {
			c.Errorf("%v, lost %+v", got, lost)
		}
		if n := strings.Count(strings.Join(got, " "), api.EventStuck); n != 200 {
			c.Errorf("%d events have come, want 200", n)
		}
	})
}

func TestLostEventsAreTold(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		cut := c.cuttable(false)
		c.startAll(1)
		c.sleep(gathering)
		cut.from = []string{"n1"}
		c.sleep(4 * heartbeat)
		c.tell("n1", 0, 3000)
		cut.from = nil
		c.sleep(3*heartbeat + gathering)
		got := c.storedEvents("n1")["n1"]
		lost := c.events("n1", api.EventEventsLost)
		stuck := strings.Count(strings.Join(kinds(got, "n1"), " "), api.EventStuck)
		// The event that tells of the outage itself was the first to go.
		want := fmt.Sprintf("%d of its events were dropped", 3000-stuck+1)
		if len(lost) != 1 || !strings.Contains(lost[0].Cause, want) || len(got) > api.EventsKept ||
			!strings.Contains(c.log.String(), "events were dropped before they could be stored") {
			c.Errorf("%d of 3000 are stored: %+v, want %q", stuck, lost, want)
		}
	})
}

// TestEventsDoNotFillADisk shows that events are refused by a store that keeps its last room for others, that they
// wait, and that the store is not asked all the time.
func TestEventsDoNotFillADisk(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(1)
		c.sleep(gathering)
		c.store.refuse = func(_ string, tx *ryw.Commit) error {
			if tx.Reserved || tx.Priority == kv.PriorityHigh {
				if writesEvents(tx) {
					c.Error("events take the room that is kept for others")
				}
				return nil
			}
			return kv.ErrFull
		}
		before := c.store.eventCommits
		for i := range 60 {
			c.tell("n1", i, 1)
			c.sleep(10 * time.Second)
		}
		if n := c.store.eventCommits - before; n > 12 {
			c.Errorf("%d attempts in ten minutes", n)
		}
		if n := strings.Count(c.log.String(), "events are not stored"); n != 1 {
			c.Errorf("it is logged %d times", n)
		}
		c.store.refuse = nil
		c.sleep(time.Minute + gathering)
		if got := kinds(c.storedEvents("n1")["n1"], "n1"); len(got) != 61 {
			c.Errorf("%d events are stored, want 61: %v", len(got), got)
		}
	})
}

// TestADamagedEventCostsItsRow damages the newest stored event of a node, and one in between.
func TestADamagedEventCostsItsRow(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(1)
		c.tell("n1", 0, 4)
		c.sleep(gathering)
		stored := c.storedEvents("n1")["n1"]
		for _, at := range []int{1, len(stored) - 1} {
			key := tuple.Pack("kelpie", "event", "n1", int64(stored[at].Number))
			if _, err := kv.Transact(c.ctx, c.env, c.store.Store, kv.TxOptions{},
				func(_ context.Context, tx kv.Tx) (struct{}, error) {
					tx.Set(key, []byte{1, 0xc1})
					return struct{}{}, nil
				}); err != nil {
				c.Fatal(err)
			}
		}
		c.crash("n1")
		c.start("n1")
		c.sleep(gathering)
		got := c.storedEvents("n1")["n1"]
		if len(got) != len(stored)+1 || got[1].Kind != api.EventCorrupt || got[1].Number != stored[1].Number ||
			got[2] != stored[2] || got[len(stored)].Kind != api.EventJoined {
			c.Errorf("%+v", got)
		}
	})
}
