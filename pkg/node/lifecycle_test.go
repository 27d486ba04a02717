// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
)

// diary counts its own activations and deactivations.
type diary struct {
	Begun, Ended, Notes int
}

func diaryID(id string) api.ActorID { return api.ActorID{Namespace: "diary", ID: id} }

// diaries have hooks; activate and handle, if not nil, run in the hook and in every call.
func diaries(activate, handle func(ctx *actor.Context) error) actor.Kind {
	optional := func(f func(ctx *actor.Context) error, ctx *actor.Context) error {
		if f == nil {
			return nil
		}
		return f(ctx)
	}
	return actor.New[diary]("diary").
		OnActivate(func(ctx *actor.Context, d *diary) error {
			d.Begun++
			if err := ctx.Set("begun", d.Begun); err != nil {
				return err
			}
			return optional(activate, ctx)
		}).
		OnDeactivate(func(_ *actor.Context, d *diary) error {
			d.Ended++
			return nil
		}).
		With(actor.WriteFunc("note", func(ctx *actor.Context, d *diary, _ struct{}) (diary, error) {
			d.Notes++
			return *d, optional(handle, ctx)
		})).
		With(actor.ReadFunc("read", func(ctx *actor.Context, d *diary, _ struct{}) (diary, error) {
			var begun int
			if ok, err := ctx.Get("begun", &begun); err != nil || !ok || begun != d.Begun {
				return *d, actor.Errorf("torn", "begun %d in the space, %d in the state: %v", begun, d.Begun, err)
			}
			return *d, nil
		}))
}

func (c *cluster) diary(via, id, method string) diary {
	c.Helper()
	var d diary
	if err := c.call(via, time.Minute, diaryID(id), method, nil, &d); err != nil {
		c.Fatalf("%s of %s through %s: %v", method, id, via, err)
	}
	return d
}

func (c *cluster) wantDiary(got, want diary) {
	c.Helper()
	if got != want {
		c.Fatalf("%+v, want %+v", got, want)
	}
}

func TestHooksRunAtTheBeginningAndTheEnd(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.kinds = append(c.kinds, diaries(nil, nil))
		c.startAll(2)
		c.wantDiary(c.diary("n1", "a", "read"), diary{Begun: 1})
		c.wantDiary(c.diary("n2", "a", "note"), diary{Begun: 1, Notes: 1})
		c.sleep(node.DefaultIdleTimeout + 2*time.Minute) // idle
		c.wantDiary(c.diary("n1", "a", "note"), diary{Begun: 2, Ended: 1, Notes: 2})

		owner := c.owner("n1", diaryID("a")).Node
		via := c.other(owner)
		stopped := env.NewFuture[struct{}](c.env)
		c.nodes[owner].machine.Go(
			"stop", func() { stopped.Complete(struct{}{}, c.nodes[owner].Stop(context.Background())) })
		if _, err := stopped.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		c.wantDiary(c.diary(via, "a", "note"), diary{Begun: 3, Ended: 2, Notes: 3}) // its node stopped
		c.crash(via)
		c.start(owner)
		c.wantDiary(c.diary(owner, "a", "note"), diary{Begun: 4, Ended: 2, Notes: 4}) // its node died
		if err := c.call(owner, time.Minute, diaryID("a"), api.MethodDestroy, nil, nil); err != nil {
			c.Fatal(err)
		}
		c.wantDiary(c.diary(owner, "a", "read"), diary{Begun: 1})
	})
}

func TestAnActorThatCannotBeActivatedIsLeftAlone(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		attempts, broken := 0, true
		c.kinds = append(c.kinds, diaries(func(*actor.Context) error {
			attempts++
			switch {
			case broken && attempts%2 == 0:
				panic("a defect of the hook")
			case broken:
				return actor.Errorf("ill", "not today")
			}
			return nil
		}, nil))
		c.startAll(1)
		var told int
		for end := c.env.Monotonic() + time.Minute; c.env.Monotonic() < end; told++ {
			err := c.call("n1", 20*time.Second, diaryID("a"), "note", nil, nil)
			wantCode(c, err, api.CodeUnavailable)
			if !strings.Contains(err.Error(), "not today") && !strings.Contains(err.Error(), "a defect of the hook") {
				c.Fatalf("the error does not say why: %v", err)
			}
			c.sleep(20 * time.Millisecond)
		}
		// After 0.1, 0.2, 0.4 ... 25.6, and 30 s.
		if attempts > 11 || told < 1000 {
			c.Fatalf("%d attempts at an activation in a minute, %d calls refused", attempts, told)
		}
		broken = false
		c.sleep(30 * time.Second)
		c.wantDiary(c.diary("n1", "a", "note"), diary{Begun: 1, Notes: 1})
	})
}

func TestAHookThatChangesTooMuchIsNotTriedForEver(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		attempts := 0
		c.kinds = append(c.kinds, diaries(func(ctx *actor.Context) error {
			attempts++
			for i := range 120 {
				if err := ctx.Set(strings.Repeat("k", i+1), strings.Repeat("x", 90_000)); err != nil {
					return err
				}
			}
			return nil
		}, nil))
		c.startAll(1)
		err := c.call("n1", 20*time.Second, diaryID("a"), "note", nil, nil)
		wantCode(c, err, api.CodeUnavailable)
		if attempts != 1 || !strings.Contains(err.Error(), "OnActivate") {
			c.Fatalf("%d attempts: %v", attempts, err)
		}
	})
}

func TestAHandlerThatDoesNotReturnIsGivenUp(t *testing.T) {
	simulate(t, 8, func(c *cluster) {
		open, stuck := env.NewEvent(c.env), true
		c.kinds = append(c.kinds, diaries(nil, func(*actor.Context) error {
			if stuck {
				stuck = false
				return open.Wait(context.Background())
			}
			return nil
		}))
		c.startAll(2)
		c.wantDiary(c.diary("n1", "a", "read"), diary{Begun: 1})
		callers := env.NewGroup(c.env, c.ctx)
		callers.Go("stuck", func(context.Context) {
			wantCode(c, c.call("n1", 5*time.Second, diaryID("a"), "note", nil, nil), api.CodeDeadlineExceeded)
		})
		c.sleep(time.Second)
		token := c.owner("n1", diaryID("a")).Token
		callers.Go("patient", func(context.Context) {
			c.wantDiary(c.diary("n2", "a", "note"), diary{Begun: 2, Notes: 1})
		})
		if err := callers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		if now := c.owner("n1", diaryID("a")).Token; now <= token {
			c.Fatalf("token %d, after %d: the handler that is stuck could still commit", now, token)
		}
		for _, want := range []string{"a handler does not return", "its activation is given up"} {
			if strings.Count(c.log.String(), want) != 1 {
				c.Errorf("the log does not say once: %s", want)
			}
		}
		open.Set()
		c.sleep(time.Second)
		c.wantDiary(c.diary("n1", "a", "read"), diary{Begun: 2, Notes: 1})
		for _, m := range c.nodes {
			if m.Calls() != 0 || m.Load().Pending != 0 {
				c.Errorf("calls are on their way, and nobody calls: %d, %+v", m.Calls(), m.Load())
			}
		}
	})
}

func TestAnActorThatIsStuckInItsDeactivationMakesRoom(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		open := env.NewEvent(c.env)
		stuck := actor.New[diary]("diary").
			OnDeactivate(func(*actor.Context, *diary) error { return open.Wait(context.Background()) }).
			With(actor.WriteFunc("note", func(_ *actor.Context, d *diary, _ struct{}) (diary, error) {
				d.Notes++
				return *d, nil
			}))
		c.kinds = append(c.kinds, stuck)
		c.tune = func(config *node.Config) { config.Capacity = 1 }
		c.startAll(1)
		c.wantDiary(c.diary("n1", "a", "note"), diary{Notes: 1})
		c.wantDiary(c.diary("n1", "b", "note"), diary{Notes: 1})
		open.Set()
		c.sleep(time.Second)
		c.wantDiary(c.diary("n1", "a", "note"), diary{Notes: 2})
		c.wantDiary(c.diary("n1", "b", "note"), diary{Notes: 2})
	})
}
