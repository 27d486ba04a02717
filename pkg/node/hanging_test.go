// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// hangers have a method that never returns, and count how often it was begun.
func hangers(on *env.Env, begun *int) actor.Kind {
	self := func(id string) api.ActorID { return api.ActorID{Namespace: "hanger", ID: id} }
	return actor.New[choreState]("hanger").
		With(actor.WriteFunc("hang", func(_ *actor.Context, _ *choreState, _ struct{}) (bool, error) {
			*begun++
			return true, env.Sleep(*on, context.Background(), 10_000*time.Hour)
		})).
		With(actor.WriteFunc("good", func(_ *actor.Context, s *choreState, _ struct{}) (bool, error) {
			s.Runs++
			return true, nil
		})).
		With(actor.WriteFunc("alarm", func(ctx *actor.Context, _ *choreState, _ struct{}) (bool, error) {
			if err := ctx.SetAlarm("bad", actor.Alarm{After: time.Second, Method: "hang"}); err != nil {
				return false, err
			}
			return true, ctx.SetAlarm("good", actor.Alarm{After: 2 * time.Second, Method: "good"})
		})).
		With(actor.WriteFunc("send", func(ctx *actor.Context, _ *choreState, _ struct{}) (bool, error) {
			if err := actor.Send(ctx, self("b"), "hang", nil); err != nil {
				return false, err
			}
			return true, actor.Send(ctx, self("b"), "good", nil)
		})).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *choreState, _ struct{}) (choreState, error) {
			return *s, nil
		}))
}

// A handler that does not return has failed: after ten times what it runs for is a dead letter, and what is behind
// that goes on.
func TestWhatHangsGoesToTheDeadLetters(t *testing.T) {
	for how, runsAt := range map[string]string{"send": "b", "alarm": "a"} {
		t.Run(how, func(t *testing.T) {
			simulate(t, 2, func(c *cluster) {
				begun := 0
				var on env.Env
				c.kinds = append(c.kinds, hangers(&on, &begun))
				c.startAll(1)
				on = c.nodes["n1"].machine
				id := api.ActorID{Namespace: "hanger", ID: "a"}
				if err := c.call("n1", time.Minute, id, how, nil, nil); err != nil {
					c.Fatal(err)
				}
				c.sleep(30 * time.Minute)
				letters := c.letters()
				if len(letters) != 1 || letters[0].Method != "hang" || letters[0].Attempts != 10 || begun != 10 {
					c.Fatalf("it was begun %d times: %+v", begun, letters)
				}
				var s choreState
				id.ID = runsAt
				if err := c.call("n1", time.Minute, id, "log", nil, &s); err != nil || s.Runs != 1 {
					c.Fatalf("what is behind it: %+v, %v", s, err)
				}
				c.crash("n1")
			})
		})
	}
}
