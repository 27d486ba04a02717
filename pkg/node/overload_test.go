// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// load is callers that each make one call at once.
type load struct {
	*cluster
	pool             *rpc.Pool
	callers          *env.Group
	done, overloaded int
}

func (c *cluster) newLoad() *load {
	return &load{cluster: c, pool: rpc.NewPool(c.env, c.network.Transport(c.env, "load"), rpc.PoolConfig{}),
		callers: env.NewGroup(c.env, c.ctx)}
}

// call makes n calls at once.
func (l *load) call(n int, id api.ActorID, method string, request any) {
	for range n {
		l.callers.Go("caller", func(context.Context) {
			switch err := l.callBy(l.pool, "n1", time.Minute, id, method, "", request, nil); api.CodeOf(err) {
			case api.CodeOK:
				l.done++
			case api.CodeOverloaded:
				l.overloaded++
				coded, _ := errors.AsType[*api.Error](err)
				if millis, err := strconv.Atoi(coded.Detail[api.DetailRetryAfter]); err != nil || millis < 1 {
					l.Errorf("when to come again is not said: %v", coded)
				}
			default:
				l.Errorf("call: %v", err)
			}
		})
	}
	l.sleep(10 * time.Millisecond) // until they have come in
}

func (l *load) want(done, overloaded int) {
	l.Helper()
	if l.done != done || l.overloaded != overloaded {
		l.Fatalf("%d calls done and %d refused, want %d and %d", l.done, l.overloaded, done, overloaded)
	}
}

// wait waits until all calls have been answered.
func (l *load) wait() {
	l.Helper()
	if err := l.callers.Wait(l.ctx); err != nil {
		l.Fatal(err)
	}
	l.pool.Close()
	if n := l.nodes["n1"].Calls(); n != 0 {
		l.Fatalf("%d calls are on their way, and nobody calls", n)
	}
}

func TestAHotActorLeavesRoomForTheRest(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.tune = func(config *node.Config) { config.MaxCalls = 20 }
		c.startAll(1)
		for _, id := range []string{"hot", "warm", "cold"} {
			c.add("n1", counter(id), 1)
		}
		c.slowStore(time.Second)
		l := c.newLoad()
		l.call(1, counter("hot"), "add", 1) // is in its commit
		l.call(30, counter("hot"), "add", 1)
		l.want(0, 20) // 11 are there, and 9 more would fit
		l.call(1, counter("warm"), "add", 1)
		l.call(29, counter("warm"), "add", 1)
		l.want(0, 20+25)
		l.call(1, counter("cold"), "add", 1)
		l.want(0, 20+25)
		l.wait()
		l.want(17, 20+25)
	})
}

func TestANodeRefusesWhatIsTooMuchForIt(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.tune = func(config *node.Config) { config.MaxCalls, config.MaxCallBytes = 40, 1_000_000 }
		c.startAll(1)
		for i := range 60 {
			c.add("n1", counter(strconv.Itoa(i)), 1)
		}
		journal := api.ActorID{Namespace: "journal", ID: "j"}
		put := func(size int) [2]string { return [2]string{"k", strings.Repeat("x", size)} }
		if err := c.call("n1", time.Minute, journal, "put", put(1), nil); err != nil {
			c.Fatal(err)
		}
		c.slowStore(time.Second)
		l := c.newLoad()
		for i := range 60 {
			l.call(1, counter(strconv.Itoa(i)), "add", 1)
		}
		l.want(0, 20)
		l.wait()
		l.want(40, 20)

		l = c.newLoad()
		l.call(30, journal, "put", put(90_000))
		l.want(0, 19)
		l.wait()
		l.want(11, 19)
	})
}
