// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
)

// talkers write log lines, and have a reading method that changes the state.
var talkers = actor.New[counterState]("talker").
	OnActivate(func(ctx *actor.Context, _ *counterState) error {
		ctx.Log().Info("good morning")
		return nil
	}).
	With(actor.WriteFunc("add", func(ctx *actor.Context, s *counterState, n int64) (int64, error) {
		s.N += n
		ctx.Log().Info("added", "n", n)
		return s.N, nil
	})).
	With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
		return s.N, nil
	})).
	With(actor.ReadFunc("take", func(_ *actor.Context, s *counterState, fail bool) (int64, error) {
		s.N--
		if fail {
			return 0, actor.Errorf("told", "told to fail")
		}
		return s.N, nil
	}))

func talker(id string) api.ActorID { return api.ActorID{Namespace: "talker", ID: id} }

func TestAHandlersLogNamesActorMethodAndCall(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.kinds = []actor.Kind{talkers}
		c.startAll(1)
		c.add("n1", talker("t"), 5)
		for _, line := range []string{
			`level=INFO msg="good morning" actor=talker/t method=OnActivate`,
			`level=INFO msg=added actor=talker/t method=add call=`,
		} {
			if !strings.Contains(c.log.String(), line) {
				c.Errorf("no line %s", line)
			}
		}
	})
}

// TestAReadingMethodThatChangesTheStateIsCaught shows that such a call fails, naming actor and method, and that what it
// changed is gone: from memory, and from what a later writing method commits.
func TestAReadingMethodThatChangesTheStateIsCaught(t *testing.T) {
	simulate(t, 3, func(c *cluster) {
		c.kinds = []actor.Kind{talkers}
		caught := 0
		c.tune = func(config *node.Config) {
			config.CheckReads = true
			config.ReadChanged = func(id api.ActorID, method string) {
				if id != talker("t") || method != "take" {
					c.Errorf("caught %s of %s", method, id)
				}
				caught++
			}
		}
		c.startAll(2)
		c.add("n1", talker("t"), 5)
		for i, fail := range []bool{false, true} {
			err := c.call("n1", 30*time.Second, talker("t"), "take", fail, nil)
			if api.CodeOf(err) != api.CodeInternal || !strings.Contains(err.Error(),
				"actor talker/t: reading method take changed the state") || caught != i+1 {
				c.Errorf("%v, caught %d times", err, caught)
			}
			if n := c.get("n1", talker("t")); n != 5 {
				c.Errorf("%d is left, want 5", n)
			}
		}
		c.add("n1", talker("t"), 1)
		c.crash(c.owner("n1", talker("t")).Node)
		for via := range c.nodes {
			if n := c.get(via, talker("t")); n != 6 {
				c.Errorf("after a takeover it is %d, want 6", n)
			}
		}
	})
}

func TestAWrongMethodListsTheRightOnes(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.kinds = []actor.Kind{talkers}
		c.startAll(1)
		err := c.call("n1", 30*time.Second, talker("t"), "ad", 1, nil)
		want := `namespace "talker" has no method "ad": it has add, get, take`
		if api.CodeOf(err) != api.CodeUnknownMethod || !strings.Contains(err.Error(), want) {
			c.Errorf("%v, want %s", err, want)
		}
	})
}
