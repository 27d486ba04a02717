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
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// zoned puts n1 into zone x and the others into y, and labels n3.
func zoned(config *node.Config) {
	config.Zone = "y"
	switch config.NodeID {
	case "n1":
		config.Zone = "x"
	case "n3":
		config.Labels = []string{"disk=ssd", "cpu=big"}
	}
}

// set changes the settings of the counters, as an operator does, and waits until all nodes know.
func (c *cluster) set(in api.NamespaceSetRequest) {
	c.Helper()
	in.Namespace = "counter"
	if _, err := admin[api.NamespaceSetRequest, api.NamespaceSetReply](c, "n2", api.MethodNamespaceSet,
		&in); err != nil {
		c.Fatal(err)
	}
	c.sleep(2 * heartbeat)
}

// placed calls new counters through nodes in turn, and returns how many of them every node has.
func (c *cluster) placed(name string, actors int, via ...string) map[string]int {
	c.Helper()
	counts := make(map[string]int)
	for i := range actors {
		id := counter(fmt.Sprintf("%s%d", name, i))
		c.add(via[i%len(via)], id, 1)
		counts[c.owner("n1", id).Node]++
	}
	return counts
}

// Reads that may be stale do not ask the store, from the heartbeat after it was set on, and ask it again when that is
// taken back.
func TestTheConsistencyOfReadsIsSet(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 1)
		at := c.owner("n1", counter("a")).Node
		asks := func() bool {
			c.sleep(heartbeat / 2) // heartbeats read, too
			before := c.store.reads
			for range 10 {
				c.get(at, counter("a"))
			}
			return c.store.reads > before
		}
		for _, consistency := range []string{"linearizable", "stale", "linearizable"} {
			c.set(api.NamespaceSetRequest{Consistency: &consistency})
			if asks() != (consistency == "linearizable") {
				c.Errorf("reads are to be %s, and ask the store: %v", consistency, !(consistency == "linearizable"))
			}
		}
		wrong := "eventual"
		_, err := admin[api.NamespaceSetRequest, api.NamespaceSetReply](c, "n1", api.MethodNamespaceSet,
			&api.NamespaceSetRequest{Namespace: "counter", Consistency: &wrong})
		c.wantCode(err, api.CodeInvalidArgument, "linearizable or stale")
	})
}

func TestAPlacementThatChangesTakesEffectAtOnce(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		c.tune = zoned
		c.startAll(3)
		if row := c.nodeRow("n1", "n3"); row.Zone != "y" || !slices.Equal(row.Labels, []string{"cpu=big", "disk=ssd"}) {
			c.Errorf("n3 is shown as %+v", row)
		}
		text := func(s string) *string { return &s }
		c.set(api.NamespaceSetRequest{Placement: text("affinity"), Prefer: text("disk=ssd")})
		if got := c.placed("near", 6, "n1", "n2"); got["n3"] != 6 {
			c.Errorf("affinity to n3's label places %v", got)
		}
		c.set(api.NamespaceSetRequest{Placement: text("local-first")})
		if got := c.placed("local", 6, "n2"); got["n2"] != 6 {
			c.Errorf("local-first, called through n2, places %v", got)
		}
		c.set(api.NamespaceSetRequest{Placement: text("round-robin")})
		if got := c.placed("turn", 6, "n1"); got["n1"] != 2 || got["n2"] != 2 || got["n3"] != 2 {
			c.Errorf("round-robin places %v", got)
		}
		c.set(api.NamespaceSetRequest{Placement: text("spread")})
		got := c.placed("spread", 40, "n1") // all in one heartbeat: nodes do not know of each other's in that time
		if x, y := 2+got["n1"], 16+got["n2"]+got["n3"]; x-y > 4 || y-x > 4 {
			c.Errorf("spread leaves %d actors in x and %d in y", x, y)
		}
		c.set(api.NamespaceSetRequest{Placement: text("rendezvous")})
		again := []string{"", ""}
		for i := range again {
			id := counter("same")
			c.add(fmt.Sprintf("n%d", i+1), id, 1)
			again[i] = c.owner("n1", id).Node
			if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, "n1", api.MethodClaimBreak,
				&api.ClaimBreakRequest{Actor: id.String()}); err != nil {
				c.Fatal(err)
			}
		}
		if again[0] != again[1] {
			c.Errorf("rendezvous places an actor on %v", again)
		}
	})
}

func TestAnIdleTimeoutThatChangesTakesEffect(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.startAll(2)
		c.add("n1", counter("a"), 1)
		second := int64(1000)
		c.set(api.NamespaceSetRequest{IdleTimeoutMillis: &second})
		c.sleep(time.Minute)
		if row := c.owner("n1", counter("a")); row.State != "released" {
			c.Errorf("an actor that was idle for a minute is %s", row.State)
		}
		c.add("n2", counter("a"), 1)
	})
}

func TestNobodyHasRoomIsToldWithTheReason(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.tune = func(config *node.Config) { config.Capacity = 1 }
		c.startAll(2)
		tasks := env.NewGroup(c.env, c.ctx)
		tasks.Go("chain", func(context.Context) { // two wait for the third, which finds no room
			_ = c.call("n1", time.Minute, link("a"), "pass", route{Next: []string{"b", "c"}}, nil)
		})
		c.sleep(5 * heartbeat)
		err := c.call("n2", 5*time.Second, counter("x"), "get", nil, nil)
		want := `no capacity for namespace "counter": 2 of 2 nodes are full of busy actors (capacity 1): ` +
			`add a node, or raise --capacity`
		if api.CodeOf(err) != api.CodeNoCapacity || !strings.Contains(err.Error(), want) {
			c.Errorf("%v, want %s", err, want)
		}
		if err := tasks.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
	})
}

func TestAKindOfAnUnknownPlacementIsRefused(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		named := func(strategy actor.Placement) []actor.Kind {
			return []actor.Kind{actor.New[blob]("note").WithPlacement(strategy)}
		}
		for strategy, want := range map[actor.Placement]string{
			"nearest":  `the kind of namespace "note": placement "nearest": must be one of least-loaded, `,
			"affinity": `the kind of namespace "note": placement affinity needs to know what to prefer`,
		} {
			c.kinds = named(strategy)
			if _, err := c.tryStart("n1"); api.CodeOf(err) != api.CodeInvalidArgument ||
				!strings.Contains(err.Error(), want) {
				c.Errorf("%s: %v, want %s", strategy, err, want)
			}
		}
		c.kinds = named(actor.Spread)
		c.start("n1")
		reply, err := admin[api.Empty, api.NamespacesReply](c, "n1", api.MethodNamespaces, &api.Empty{})
		if err != nil || len(reply.Namespaces) != 1 || reply.Namespaces[0].Placement != "spread" {
			c.Errorf("%+v (%v)", reply, err)
		}
	})
}

func TestAuthorsKnowThePlacementsThatNeedNoSetting(t *testing.T) {
	for _, p := range registry.Placements() {
		known := slices.Contains([]actor.Placement{actor.LeastLoaded, actor.Random, actor.RoundRobin, actor.LocalFirst,
			actor.Rendezvous, actor.Spread}, actor.Placement(p))
		if known == (p == registry.PlaceAffinity) {
			t.Errorf("package actor knows %s: %t", p, known)
		}
	}
}
