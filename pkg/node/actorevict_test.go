// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func (c *cluster) evict(via string, id api.ActorID) *api.ActorEvictReply {
	c.Helper()
	reply, err := admin[api.ActorEvictRequest, api.ActorEvictReply](c, via, api.MethodActorEvict,
		&api.ActorEvictRequest{Actor: id.String()})
	if err != nil {
		c.Fatalf("%s is not evicted: %v", id, err)
	}
	return reply
}

// An actor is deactivated, its hook runs, and its claim is given back, whichever node is asked.
func TestAnActorIsEvicted(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		c.kinds = append(c.kinds, diaries(nil, nil))
		c.startAll(3)
		id := diaryID("a")
		if reply := c.evict("n1", id); reply.Evicted {
			c.Fatalf("nobody has called it, and %+v", reply)
		}
		for i, via := range []string{"n1", "n2", "n3"} {
			c.wantDiary(c.diary(via, "a", "note"), diary{Begun: i + 1, Ended: i, Notes: i + 1})
			at := c.owner(via, id)
			if reply := c.evict(via, id); !reply.Evicted || reply.Node != at.Node {
				c.Fatalf("evicted as %+v, was on %+v", reply, at)
			}
			if now := c.owner(via, id); now.State != api.ActorReleased || now.Node != "" {
				c.Fatalf("it is %+v", now)
			}
		}
		if reply := c.evict("n2", id); reply.Evicted {
			c.Fatalf("nobody has it, and %+v", reply)
		}
	})
}

// Evictions and moves come while calls do: each ends, and no call is lost or fails.
func TestEvictionsAmongCallsAndMoves(t *testing.T) {
	simulate(t, 5, func(c *cluster) {
		c.startAll(3)
		id := counter("a")
		c.add("n1", id, 0)
		const callers, calls, rounds = 6, 30, 15
		group := env.NewGroup(c.env, c.ctx)
		for i := range callers {
			via := fmt.Sprintf("n%d", i%3+1)
			group.Go("caller", func(context.Context) {
				pool := c.pool()
				defer pool.Close()
				for k := range calls {
					if err := c.callBy(pool, via, 30*time.Second, id, "add", fmt.Sprintf("%d/%d", i, k), int64(1),
						nil); err != nil {
						c.Errorf("caller %d, call %d: %v", i, k, err)
					}
				}
			})
		}
		group.Go("mover", func(context.Context) {
			for range rounds { // one that finds nobody there is refused
				if _, err := c.migrate("n1", id, "", true); err != nil &&
					api.CodeOf(err) != api.CodeFailedPrecondition {
					c.Errorf("moved: %v", err)
				}
			}
		})
		evicted := 0
		for i := range rounds {
			if c.evict(fmt.Sprintf("n%d", i%3+1), id).Evicted {
				evicted++
			}
		}
		if err := group.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if got := c.get("n1", id); got != callers*calls || evicted == 0 {
			c.Fatalf("it has %d of %d, and was evicted %d times", got, callers*calls, evicted)
		}
	})
}

// An eviction waits for a handler, and for the hook of the end, only until the activation is given up.
func TestAnEvictionEndsWithAStuckActivation(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		open := env.NewEvent(c.env)
		wait := func(*actor.Context, *diary) error { return open.Wait(context.Background()) }
		c.kinds = append(c.kinds, actor.New[diary]("diary").OnDeactivate(wait).
			With(actor.WriteFunc("note", func(_ *actor.Context, d *diary, _ struct{}) (diary, error) {
				d.Notes++
				return *d, nil
			})).
			With(actor.WriteFunc("hang", func(ctx *actor.Context, d *diary, _ struct{}) (diary, error) {
				return *d, wait(ctx, d)
			})))
		c.startAll(2)
		for _, method := range []string{"note", "hang"} { // stuck in the hook, and in a handler
			id := diaryID(method)
			c.diary("n1", method, "note")
			callers := env.NewGroup(c.env, c.ctx)
			if method == "hang" {
				callers.Go("stuck", func(context.Context) {
					wantCode(c, c.call("n1", 5*time.Second, id, "hang", nil, nil), api.CodeDeadlineExceeded)
				})
				c.sleep(time.Second)
			}
			pool := c.pool()
			ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
			_, err := rpc.CallTyped[api.ActorEvictRequest, api.ActorEvictReply](ctx, pool, "n1:7600",
				api.MethodActorEvict, &api.ActorEvictRequest{Actor: id.String()})
			c.wantCode(err, api.CodeUnavailable, "was given up")
			if err := callers.Wait(c.ctx); err != nil {
				c.Fatal(err)
			}
			cancel()
			pool.Close()
			c.wantDiary(c.diary("n2", method, "note"), diary{Notes: 2})
		}
		open.Set()
		c.sleep(time.Second)
		c.wantDiary(c.diary("n1", "hang", "note"), diary{Notes: 3})
	})
}

// Claims are counted by namespace and node, those apart whose owner has gone.
func TestPlacementsAreCounted(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		want := make(map[string]int)
		for i := range 20 {
			id := counter(fmt.Sprint(i))
			c.add("n1", id, 1)
			want[c.owner("n1", id).Node]++
		}
		c.evict("n1", counter("7"))
		want["n1"], want["n2"] = 0, 0
		for i := range 20 {
			if row := c.owner("n1", counter(fmt.Sprint(i))); row.Node != "" {
				want[row.Node]++
			}
		}
		count := func(req api.PlacementsRequest) []api.PlacementRow {
			reply, err := admin[api.PlacementsRequest, api.PlacementsReply](c, "n1", api.MethodPlacements, &req)
			if err != nil || reply.Next != "" {
				c.Fatalf("%+v, %v", reply, err)
			}
			return reply.Placements
		}
		var rows []api.PlacementRow
		for _, node := range []string{"n1", "n2"} {
			if want[node] > 0 {
				rows = append(rows, api.PlacementRow{Namespace: "counter", Node: node, Actors: want[node]})
			}
		}
		if got := count(api.PlacementsRequest{}); !slices.Equal(got, rows) {
			c.Fatalf("counted %+v, want %+v", got, rows)
		}
		if got := count(api.PlacementsRequest{Namespace: "other"}); len(got) != 0 {
			c.Fatalf("counted %+v of another namespace", got)
		}
		c.crash("n2")
		c.sleep(3 * leaseTTL)
		if want["n2"] > 0 {
			if got := count(api.PlacementsRequest{Node: "n2"}); len(got) != 1 || got[0].Orphaned != want["n2"] {
				c.Fatalf("counted %+v after its crash", got)
			}
		}
	})
}

// Actors are listed by their state and by how their ids begin.
func TestActorsAreFiltered(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(1)
		for _, id := range []string{"a", "ab", "abc", "b", "ab\x7e"} {
			c.add("n1", counter(id), 1)
		}
		c.evict("n1", counter("abc"))
		for _, of := range []struct {
			req  api.ActorsRequest
			want []string
		}{
			{api.ActorsRequest{}, []string{"counter/a", "counter/ab", "counter/ab~", "counter/b"}},
			{api.ActorsRequest{Prefix: "ab"}, []string{"counter/ab", "counter/ab~"}},
			{api.ActorsRequest{Prefix: "ab", Namespace: "counter", All: true},
				[]string{"counter/ab", "counter/abc", "counter/ab~"}},
			{api.ActorsRequest{Prefix: "ab", Namespace: "counter", Limit: 1}, []string{"counter/ab"}},
			{api.ActorsRequest{States: []string{api.ActorReleased}}, []string{"counter/abc"}},
			{api.ActorsRequest{States: []string{api.ActorOrphaned}}, nil},
			{api.ActorsRequest{Prefix: "ab", Namespace: "other"}, nil},
		} {
			reply, err := admin[api.ActorsRequest, api.ActorsReply](c, "n1", api.MethodActors, &of.req)
			if err != nil {
				c.Fatal(err)
			}
			var got []string
			for _, row := range reply.Actors {
				got = append(got, row.Actor)
			}
			if !slices.Equal(got, of.want) {
				c.Errorf("%+v lists %q, want %q", of.req, got, of.want)
			}
		}
	})
}
