// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// waits is what the handlers of waiters have come to.
type waits struct {
	env          env.Env
	begun, ended int
	// wrong is what a handler whose time was over was told of the call that it had made, if not that.
	wrong error
}

// kind returns actors whose handlers call the next of a route, and whose last waits until its context ends.
func (w *waits) kind() actor.Kind {
	wait := func(ctx *actor.Context, r route) (bool, error) {
		if len(r.Next) > 0 {
			_, err := actor.Call[bool](ctx, waiter(r.Next[0]), "write", route{Next: r.Next[1:]})
			if errors.Is(ctx.Err(), context.DeadlineExceeded) && api.CodeOf(err) != api.CodeDeadlineExceeded {
				w.wrong = err
			}
			return false, err
		}
		w.begun++
		err := env.NewEvent(w.env).Wait(ctx)
		w.ended++
		return false, err
	}
	return actor.New[counterState]("waiter").
		With(actor.WriteFunc("write", func(ctx *actor.Context, _ *counterState, r route) (bool, error) {
			return wait(ctx, r)
		})).
		With(actor.ReadFunc("read", func(ctx *actor.Context, _ *counterState, r route) (bool, error) {
			return wait(ctx, r)
		})).
		With(actor.WriteFunc("here", func(*actor.Context, *counterState, struct{}) (bool, error) { return true, nil }))
}

func waiter(id string) api.ActorID { return api.ActorID{Namespace: "waiter", ID: id} }

// A caller that cancels, whose deadline passes, or that dies ends the handler that works for it, on whichever node
// that runs and however many actors wait for each other in between.
func TestACallerThatGivesUpEndsTheHandlerWhereverItRuns(t *testing.T) {
	const patience = 2 * time.Second
	ways := map[string]func(pool *rpc.Pool, cancel func()){
		"cancels":   func(_ *rpc.Pool, cancel func()) { cancel() },
		"times out": func(*rpc.Pool, func()) {},
		"dies":      func(pool *rpc.Pool, _ func()) { pool.Close() },
	}
	for how, giveUp := range ways {
		for _, chain := range [][]string{{"n1"}, {"n2"}, {"n1", "n2"}, {"n2", "n1"}, {"n2", "n3", "n1", "n2"}} {
			for _, method := range []string{"write", "read"} {
				t.Run(fmt.Sprint(how, chain, method), func(t *testing.T) {
					simulate(t, 2, func(c *cluster) {
						w := &waits{env: c.env}
						c.kinds = append(c.kinds, w.kind())
						c.startAll(3)
						for i, node := range chain {
							c.mustHave(node, waiter(fmt.Sprint(i)))
						}
						r := route{}
						for i := range chain[1:] {
							r.Next = append(r.Next, fmt.Sprint(i+1))
						}
						pool := c.pool()
						defer pool.Close()
						ctx, cancel := env.WithTimeout(c.env, c.ctx, patience)
						defer cancel()
						began := c.env.Monotonic()
						callers := env.NewGroup(c.env, c.ctx)
						callers.Go("caller", func(context.Context) {
							if err := c.callWith(ctx, pool, "n1", waiter("0"), method, r); err == nil {
								c.Error("the handler has answered")
							}
						})
						c.sleep(patience / 2)
						if w.begun != 1 || w.ended != 0 {
							c.Fatalf("%d handlers have begun and %d ended", w.begun, w.ended)
						}
						giveUp(pool, cancel)
						if err := callers.Wait(c.ctx); err != nil {
							c.Fatal(err)
						}
						if w.wrong != nil {
							c.Errorf("a handler whose deadline has passed was told: %v", w.wrong)
						}
						if c.sleep(10 * time.Millisecond); w.ended != 1 {
							c.Errorf("the handler runs on, %v after the call began", c.env.Monotonic()-began)
						}
					})
				})
			}
		}
	}
}

// A call whose caller gives up while it waits for its actor's node to be found goes no further.
func TestACallerThatGivesUpEndsTheSearchForItsActor(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		w := &waits{env: c.env}
		c.kinds = append(c.kinds, w.kind())
		c.tune = func(config *node.Config) { config.LeaseTTL, config.Heartbeat = time.Minute, 10*time.Second }
		c.startAll(1)
		c.start("n2")
		c.sleep(30 * time.Second)
		c.mustHave("n2", waiter("0"))
		c.crash("n2") // its lease goes on
		pool := c.pool()
		defer pool.Close()
		c.env.AfterFunc(25*time.Second, pool.Close) // before the deadline that the node gives such a call
		err := c.callWith(c.ctx, pool, "n1", waiter("0"), "read", route{})
		wantCode(c, err, api.CodeUnknown)
		if c.sleep(2 * time.Second); c.nodes["n1"].Calls() != 0 {
			c.Error("the node still looks for the actor")
		}
	})
}

// The same holds for an actor that no node takes.
func TestACallerThatGivesUpEndsTheSearchForANode(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		w := &waits{env: c.env}
		c.tune = hosting(map[string][]actor.Kind{"n2": {w.kind()}})
		c.startAll(2)
		c.mustHave("n2", waiter("0"))
		if err := c.nodes["n2"].Stop(context.Background()); err != nil {
			c.Fatal(err)
		}
		c.sleep(3 * heartbeat)
		pool := c.pool()
		defer pool.Close()
		c.env.AfterFunc(25*time.Second, pool.Close) // before the deadline that the node gives such a call
		err := c.callWith(c.ctx, pool, "n1", waiter("0"), "read", route{})
		wantCode(c, err, api.CodeUnknown)
		if c.sleep(time.Second); c.nodes["n1"].Calls() != 0 {
			c.Error("the node still looks for a node that takes the actor")
		}
	})
}

// mustHave has a node own an actor of waiters.
func (c *cluster) mustHave(node string, id api.ActorID) {
	c.Helper()
	if err := c.call(node, time.Minute, id, "here", nil, nil); err != nil {
		c.Fatal(err)
	}
	if c.owner(node, id).Node != node {
		c.mustMigrate(node, id, node)
	}
}

// callWith calls an actor until ctx ends.
func (c *cluster) callWith(ctx context.Context, pool *rpc.Pool, via string, id api.ActorID, method string,
	request any) error {
	body, err := actor.Marshal(request)
	if err != nil {
		return err
	}
	in := api.InvokeRequest{Actor: id, Method: method, Body: body}
	_, err = pool.Call(ctx, via+":7600", rpc.ClassCall, api.MethodInvoke, in.AppendTo(nil))
	return err
}
