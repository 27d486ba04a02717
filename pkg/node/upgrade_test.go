// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// versioned are counters whose state has a version.
func versioned(version uint32) actor.Kind {
	k := actor.New[counterState]("versioned").
		With(actor.WriteFunc("add", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			s.N += n
			return s.N, nil
		})).
		With(actor.WriteFunc("later", func(ctx *actor.Context, _ *counterState, _ struct{}) (bool, error) {
			return true, ctx.SetAlarm("a", actor.Alarm{After: 20 * time.Second, Method: "add", Request: 100})
		}))
	k.Spec().IdleTimeout = 300 * time.Millisecond
	if version > 0 {
		k.WithVersion(version, func(old actor.Stored, s *counterState) error {
			_, err := old.Field("n", &s.N)
			return err
		})
	}
	return k
}

func versionedID(i int) api.ActorID { return api.ActorID{Namespace: "versioned", ID: fmt.Sprint(i)} }

// While a cluster is upgraded node by node to a new version of a state, actors whose state is in the new version are
// served by the nodes that can read it, whichever node is asked, and are not lost to the others.
func TestNodesOfTwoVersionsOfAStateServeAllActors(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		kinds := map[string][]actor.Kind{}
		for i := range 4 {
			kinds[fmt.Sprintf("n%d", i+1)] = []actor.Kind{versioned(0)}
		}
		c.tune = hosting(kinds)
		c.startAll(4)
		const actors = 20
		add := func(via string, i int, n, want int64) {
			c.Helper()
			var now int64
			if err := c.call(via, 5*time.Second, versionedID(i), "add", n, &now); err != nil || now != want {
				c.Fatalf("actor %d through %s: %d, %v; want %d", i, via, now, err, want)
			}
		}
		for i := range actors {
			add("n1", i, 1, 1)
		}
		if err := c.nodes["n1"].Stop(context.Background()); err != nil {
			c.Fatal(err)
		}
		kinds["n1"] = []actor.Kind{versioned(1)}
		c.start("n1")
		c.sleep(3 * heartbeat)
		for round := range int64(6) {
			for i := range actors {
				add(fmt.Sprintf("n%d", 1+(i+int(round))%4), i, 1, round+2)
			}
			c.sleep(time.Second)
		}
		for i := range actors { // an alarm wakes them, on whichever node
			if err := c.call("n2", 5*time.Second, versionedID(i), "later", nil, nil); err != nil {
				c.Fatal(err)
			}
		}
		c.sleep(40 * time.Second)
		for i := range actors {
			add("n3", i, 1, 108)
		}
	})
}

// If no node can read an actor's state the caller is told at once, with both versions, and the actor serves again
// when there is one.
func TestAStateThatNoNodeCanReadIsToldWithBothVersions(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		kinds := map[string][]actor.Kind{"n1": {versioned(3)}, "n2": {versioned(1)}, "n3": {versioned(1)}}
		c.tune = hosting(kinds)
		c.start("n1")
		if err := c.call("n1", time.Minute, versionedID(0), "add", 1, nil); err != nil {
			c.Fatal(err)
		}
		c.start("n2")
		c.start("n3")
		c.sleep(3 * heartbeat)
		if err := c.nodes["n1"].Stop(context.Background()); err != nil {
			c.Fatal(err)
		}
		c.sleep(3 * heartbeat)
		took, err := c.timed(func() error { return c.call("n2", time.Minute, versionedID(0), "add", 1, nil) })
		c.wantCode(err, api.CodeCorruptState, "version 3", "up to 1")
		if took > inTime {
			c.Errorf("told after %v", took)
		}
		c.start("n1")
		c.sleep(time.Minute)
		var now int64
		if err := c.call("n2", time.Minute, versionedID(0), "add", 1, &now); err != nil || now != 2 {
			c.Errorf("%d, %v; want 2", now, err)
		}
	})
}
