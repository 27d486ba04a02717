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

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
)

func (c *cluster) clusterStats(via string) *api.ClusterStats {
	c.Helper()
	s, err := admin[api.StatsRequest, api.ClusterStats](c, via, api.MethodClusterStats, &api.StatsRequest{})
	if err != nil {
		c.Fatal(err)
	}
	return s
}

func (c *cluster) overview(via, of string) api.NodeOverview {
	c.Helper()
	for _, o := range c.clusterStats(via).Nodes {
		if o.Node == of {
			return o
		}
	}
	c.Fatalf("%s tells nothing of %s", via, of)
	return api.NodeOverview{}
}

// sleepers take as long as they are told to.
func (c *cluster) sleepers() actor.Kind {
	return actor.New[counterState]("sleeper").With(
		actor.ReadFunc("sleep", func(ctx *actor.Context, _ *counterState, ms int) (bool, error) {
			return true, env.Sleep(c.env, ctx, time.Duration(ms)*time.Millisecond)
		}))
}

func TestStatisticsTellWhatANodeDoes(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.kinds = append(c.kinds, c.sleepers())
		used := int64(0)
		c.tune = func(config *node.Config) {
			config.Usage = func() api.Usage { // half a processor
				used += 500_000
				return api.Usage{CPUMicros: used, MemoryBytes: 1 << 20}
			}
		}
		c.startAll(1)
		slow := api.ActorID{Namespace: "sleeper", ID: "slow"}
		group := env.NewGroup(c.env, c.ctx)
		defer group.Stop()
		for range 5 {
			group.Go("caller", func(ctx context.Context) {
				for ctx.Err() == nil {
					_ = c.call("n1", time.Minute, slow, "sleep", 100, nil) // which the end of the test may cut short
				}
			})
		}
		for range 100 {
			c.add("n1", counter("a"), 1)
			wantCode(c, c.call("n1", time.Minute, counter("b"), "add_then_fail", 1, nil), api.CodeApplication)
			c.sleep(50 * time.Millisecond)
		}
		c.sleep(25 * time.Millisecond) // off the beat of the callers
		s := c.overview("n1", "n1").Stats
		group.Stop()
		// A second has 20 calls of the two actors, and 10 of the third, with both of its ends 22 and 10.
		if s.Actors != 3 || s.Calls < 240 || s.Calls > 260 || s.Failed != 100 || s.Rate < 45 ||
			s.Rate > 54 || s.FailedRate < 17 || s.FailedRate > 21 {
			c.Fatalf("100 calls of each of two actors in 5 s, and 10 a second of a third, are %+v", s)
		}
		if s.P50Micros > 50_000 || s.P99Micros < 100_000 || s.P99Micros > 600_000 || s.StoreP99Micros == 0 ||
			s.Deepest < 3 || s.Deepest > 5 || s.Pending != s.Deepest {
			c.Fatalf("five callers of an actor that takes 100 ms, and two of quick ones, are %+v", s)
		}
		if s.CPU < 30 || s.CPU > 55 || s.MemoryBytes != 1<<20 || s.WindowMillis < 1000 || s.WindowMillis > 2000 {
			c.Fatalf("half a processor is %+v", s)
		}
		if len(s.Top) != 3 || s.Top[2].Actor != "sleeper/slow" || s.Top[2].Handler != "sleep" ||
			s.Top[2].LatencyMicros < 300_000 || s.Top[0].Rate < 7 || s.Top[0].Rate > 20 {
			c.Fatalf("the actors are %+v", s.Top)
		}
		d, err := admin[api.ActorStatsRequest, api.ActorDetail](c, "n1", api.MethodActorStats,
			&api.ActorStatsRequest{Actor: "counter/a", State: true})
		var state counterState
		if err != nil || d.Stats == nil || d.Stats.Calls != 100 || d.StateBytes == 0 ||
			actor.Unmarshal(d.Stored.Struct, &state) != nil || state.N != 100 {
			c.Fatalf("counter/a is %+v, %+v: %v", d, d.Stats, err)
		}
	})
}

func TestStatisticsAreSharedByAllWhoLook(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.network.SetLatency(2 * time.Millisecond)
		for range 5 {
			times, uptimes := make(map[string]bool), make(map[string]bool)
			group := env.NewGroup(c.env, c.ctx)
			for i := range 30 {
				group.Go("watcher", func(context.Context) {
					c.sleep(time.Duration(i) * 10 * time.Millisecond)
					s := c.clusterStats(fmt.Sprintf("n%d", i%2+1))
					times[s.Time] = true
					for _, n := range s.Nodes {
						if n.Stats == nil || n.TTLLeftMillis < 3000 {
							c.Errorf("%d: %+v", i, n)
							continue
						}
						uptimes[fmt.Sprint(n.Node, n.Stats.UptimeMillis)] = true
					}
				})
			}
			if err := group.Wait(c.ctx); err != nil {
				c.Fatal(err)
			}
			group.Stop()
			// Two nodes have been asked, and each has asked the three once; and those have found out once how they do.
			if len(times) != 2 || len(uptimes) != 3 {
				c.Fatalf("30 watchers at 2 nodes saw %v and %v", times, uptimes)
			}
			c.sleep(time.Second)
		}
	})
}

func TestADyingNodeIsSeen(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		for i := range 60 {
			c.add("n1", counter(fmt.Sprint(i)), 1)
		}
		c.sleep(2 * heartbeat)
		had := c.nodeRow("n1", "n3").Actors
		if o := c.overview("n1", "n3"); o.Stats == nil || o.Silent != "" || had < 10 {
			c.Fatalf("n3 has %d actors: %+v", had, o)
		}
		c.crash("n3")
		c.sleep(time.Second)
		if o := c.overview("n1", "n3"); o.Stats != nil || o.Silent == "" || o.State == "failed" {
			c.Fatalf("a second after its death n3 is %+v", o)
		}
		c.sleep(2 * leaseTTL)
		if o := c.overview("n1", "n3"); o.State != "failed" || o.Stats != nil {
			c.Fatalf("a long time after its death n3 is %+v", o)
		}
		for i := range 60 {
			c.add("n1", counter(fmt.Sprint(i)), 1)
		}
		c.sleep(2 * heartbeat)
		failed, taken := c.events("n2", api.EventFailed), c.events("n2", api.EventTakenOver)
		if len(failed) != 1 || failed[0].Node != "n3" || !strings.Contains(failed[0].Cause, "no heartbeat") {
			c.Fatalf("its death is told as %+v", failed)
		}
		sum := 0
		for _, e := range taken {
			if e.From != "n3" || e.To != e.Node || e.By != e.Node || !strings.Contains(e.Cause, "failed") {
				c.Fatalf("%+v", e)
			}
			sum += e.Count
		}
		if sum != had {
			c.Fatalf("n3 had %d actors, %d were taken over: %+v", had, sum, taken)
		}
	})
}

// events asks a node for all events of a kind.
func (c *cluster) events(via, kind string) (out []api.Event) {
	c.Helper()
	reply, err := admin[api.EventsRequest, api.EventsReply](c, via, api.MethodEvents, &api.EventsRequest{})
	if err != nil {
		c.Fatal(err)
	}
	if !slices.IsSortedFunc(reply.Events, func(a, b api.Event) int { return strings.Compare(a.Time, b.Time) }) {
		c.Fatalf("the events are not in order: %+v", reply.Events)
	}
	for _, e := range reply.Events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func TestEventsTellWhatHappened(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(3)
		c.add("n1", counter("a"), 1)
		from := c.owner("n1", counter("a")).Node
		to := c.other(from)
		c.mustMigrate("n1", counter("a"), to)
		if _, err := admin[api.LeaseBreakRequest, api.LeaseBreakReply](c, "n1", api.MethodLeaseBreak,
			&api.LeaseBreakRequest{Node: "n2"}); err != nil {
			c.Fatal(err)
		}
		c.sleep(3 * heartbeat)
		c.bulk(api.BulkRequest{Node: "n3", Kind: api.BulkDrain, Why: "maintenance"})
		c.bulkEnd("n3")
		c.sleep(3 * heartbeat)
		for _, want := range []struct {
			kind  string
			count int
			says  string
		}{
			{api.EventJoined, 4, "{By:"}, {api.EventMigrated, 1, "From:" + from + " To:" + to}, {
				api.EventLeaseBroken, 1, "by an operator"},
			{api.EventLeaseLost, 1, "Node:n2"}, {api.EventDraining, 1, "Node:n3"},
			{api.EventJobBegan, 1, "for maintenance"}, {api.EventJobEnded, 1, "drain done"},
		} {
			got := c.events("n1", want.kind)
			if len(got) != want.count && want.kind != api.EventMigrated ||
				!strings.Contains(fmt.Sprintf("%+v", got), strings.TrimPrefix(want.says, "{By:")) {
				c.Errorf("%s: want %d that say %q, got %+v", want.kind, want.count, want.says, got)
			}
		}
		// What is told once is not told again.
		reply, err := admin[api.EventsRequest, api.EventsReply](c, "n1", api.MethodEvents, &api.EventsRequest{})
		if err != nil {
			c.Fatal(err)
		}
		again, err := admin[api.EventsRequest, api.EventsReply](c, "n3", api.MethodEvents,
			&api.EventsRequest{After: reply.After})
		if err != nil || len(again.Events) != 0 {
			c.Fatalf("told again: %+v, %v", again, err)
		}
		c.start("n4")
		c.sleep(2 * heartbeat)
		again, err = admin[api.EventsRequest, api.EventsReply](c, "n3", api.MethodEvents,
			&api.EventsRequest{After: reply.After})
		if err != nil || len(again.Events) != 1 || again.Events[0].Kind != api.EventJoined ||
			again.Events[0].Node != "n4" {
			c.Fatalf("told anew: %+v, %v", again, err)
		}
		c.crash("n4")
		c.sleep(100 * time.Millisecond)
		again, err = admin[api.EventsRequest, api.EventsReply](c, "n3", api.MethodEvents, &api.EventsRequest{Limit: 1})
		if err != nil || !slices.Equal(again.Silent, []string{"n4"}) || len(again.Events) > 3 {
			c.Fatalf("without n4: %+v, %v", again, err)
		}
	})
}
