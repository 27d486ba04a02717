// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// cuts keep machines from the store.
type cuts struct {
	c *cluster
	// from are the machines that can't reach the store.
	from []string
	// silent cuts leave every request without an answer, others refuse it at once.
	silent bool
}

// cuttable has the nodes that start from now on use the store through cuts.
func (c *cluster) cuttable(silent bool) *cuts {
	cut := &cuts{c: c, silent: silent}
	c.tune = func(config *node.Config) { config.Store = cutStore{gatedStore{c.store, config.NodeID}, cut} }
	return cut
}

type cutStore struct {
	gatedStore
	cuts *cuts
}

func (s cutStore) Begin(o kv.TxOptions) kv.Tx { return ryw.New(s, o) }

func (s cutStore) ReadVersion(ctx context.Context, p kv.Priority) (kv.Version, error) {
	if err := s.cuts.pass(ctx, s.machine); err != nil {
		return 0, err
	}
	return s.gate.Store.ReadVersion(ctx, p)
}

func (s cutStore) Commit(ctx context.Context, commit *ryw.Commit) (ryw.Committed, error) {
	if err := s.cuts.pass(ctx, s.machine); err != nil {
		return ryw.Committed{}, err
	}
	return s.gatedStore.Commit(ctx, commit)
}

func (cut *cuts) pass(ctx context.Context, machine string) error {
	if !slices.Contains(cut.from, machine) {
		return nil
	}
	if cut.silent {
		return env.NewEvent(cut.c.env).Wait(ctx)
	}
	return kv.ErrUnavailable.With(errors.New("connection refused"))
}

// bothCuts runs a test with each kind of cut.
func bothCuts(t *testing.T, f func(c *cluster, cut *cuts)) {
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent=", silent), func(t *testing.T) {
			simulate(t, 4, func(c *cluster) { f(c, c.cuttable(silent)) })
		})
	}
}

// inTime is how soon a call is answered that a node can't serve without the store.
const inTime = time.Second

// timed says how long a call took.
func (c *cluster) timed(call func() error) (time.Duration, error) {
	began := c.env.Monotonic()
	err := call()
	return c.env.Monotonic() - began, err
}

func TestANodeWithoutTheStoreSaysSoAtOnce(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(3)
		c.mustOwn("n1", counter("far"))
		c.add("n3", counter("far"), 1) // and n3 knows where it is
		cut.from = []string{"n3"}
		c.sleep(4 * heartbeat)
		took, err := c.timed(func() error { return c.call("n3", time.Minute, counter("new"), "add", 1, nil) })
		wantCode(c, err, api.CodeUnavailable)
		if took > inTime || !strings.Contains(err.Error(), "memory:") || !cut.silent &&
			!strings.Contains(err.Error(), "connection refused") {
			c.Errorf("after %v: %v", took, err)
		}
		// It lists the nodes that it knew, and says that they are not news.
		nodes, err := admin[api.Empty, api.NodesReply](c, "n3", api.MethodNodes, &api.Empty{})
		if err != nil || len(nodes.Nodes) != 3 || nodes.Nodes[0].State != "active" ||
			!strings.Contains(nodes.StoreLost, "unreachable since") {
			c.Errorf("nodes %+v, %v", nodes, err)
		}
		stats, err := admin[api.StatsRequest, api.ClusterStats](c, "n3", api.MethodClusterStats, &api.StatsRequest{})
		if err != nil || len(stats.Nodes) != 3 || !strings.Contains(stats.StoreLost, "unreachable since") {
			c.Errorf("stats %+v, %v", stats, err)
		}
		_, err = admin[api.Empty, api.BirthReply](c, "n3", api.MethodBirth, &api.Empty{})
		wantCode(c, err, api.CodeUnavailable)
		took, err = c.timed(func() error {
			_, err := admin[api.Empty, api.LeasesReply](c, "n3", api.MethodLeases, &api.Empty{})
			return err
		})
		if wantCode(c, err, api.CodeUnavailable); took > inTime {
			c.Errorf("its leases took %v", took)
		}
		if got := c.add("n3", counter("far"), 1); got != 2 { // its owner needs no help
			c.Errorf("%d, want 2", got)
		}
		cut.from = nil
		c.sleep(3 * heartbeat)
		if got := c.add("n3", counter("new"), 1); got != 1 {
			c.Errorf("%d, want 1", got)
		}
		for _, line := range []string{"the store is out of reach", "the store answers again"} {
			if n := strings.Count(c.log.String(), line); n != 1 {
				c.Errorf("%q is logged %d times", line, n)
			}
		}
	})
}

// mustOwn has a node own a counter.
func (c *cluster) mustOwn(node string, id api.ActorID) {
	c.Helper()
	c.add(node, id, 0)
	if c.owner(node, id).Node != node {
		c.mustMigrate(node, id, node)
	}
}

func TestCallsThatWaitForTheStoreAreAnsweredWhenItIsOutOfReach(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(1)
		c.add("n1", counter("a"), 1)
		c.add("n1", counter("b"), 1)
		pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
		defer pool.Close()
		callers := env.NewGroup(c.env, c.ctx)
		defer callers.Stop()
		cut.from = []string{"n1"}
		for _, call := range []struct {
			id     api.ActorID
			method string
			want   api.Code
		}{
			{counter("a"), "add", api.CodeUnknown}, // it is committing
			{counter("b"), "get", api.CodeUnavailable},
			{counter("new"), "add", api.CodeUnavailable},
		} {
			callers.Go(call.method, func(context.Context) {
				took, err := c.timed(
					func() error { return c.callBy(pool, "n1", time.Minute, call.id, call.method, "k", 1, nil) })
				if api.CodeOf(err) != call.want || took > leaseTTL-heartbeat {
					c.Errorf("%s of %s after %v: %v, want %v", call.method, call.id, took, err, call.want)
				}
			})
		}
		c.sleep(10 * time.Millisecond)
		callers.Go("behind", func(context.Context) { // in the mailbox of one that is committing
			took, err := c.timed(
				func() error { return c.callBy(pool, "n1", time.Minute, counter("a"), "add", "l", 1, nil) })
			if api.CodeOf(err) != api.CodeUnavailable || took > leaseTTL-heartbeat {
				c.Errorf("behind it, after %v: %v", took, err)
			}
		})
		if err := callers.Wait(c.ctx); err != nil {
			c.Fatal(err)
		}
		cut.from = nil
		c.sleep(3 * heartbeat)
		var now int64
		if err := c.callBy(pool, "n1", time.Minute, counter("a"), "add", "k", 1, &now); err != nil || now != 2 {
			c.Errorf("the repeat of what nobody knew: %d, %v", now, err)
		}
	})
}

func TestAVolatileActorOutlivesAnOutageOfTheStore(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(1)
		note := func(text string) error { return c.call("n1", time.Minute, scratchpad("a"), "note", text, nil) }
		if err := note("x"); err != nil {
			c.Fatal(err)
		}
		cut.from = []string{"n1"}
		wantCode(c, note("lost"), api.CodeUnavailable) // it has run, and is undone
		wantCode(c, note("refused"), api.CodeUnavailable)
		cut.from = nil
		c.sleep(3 * heartbeat)
		var got []string
		if err := c.call("n1", time.Minute, scratchpad("a"), "notes", nil, &got); err != nil ||
			!slices.Equal(got, []string{"x=x"}) {
			c.Errorf("%q, %v", got, err)
		}
	})
}

func TestStaleReadsAreAnsweredWithoutTheStore(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(1)
		c.add("n1", counter("a"), 7)
		cl, err := client.New(c.env, c.network.Transport(c.env, "client"), client.Config{Addrs: []string{"n1:7600"}})
		if err != nil {
			c.Fatal(err)
		}
		defer cl.Close()
		if _, err := client.Call[int64](c.ctx, cl, counter("a"), "get", struct{}{}); err != nil {
			c.Fatal(err)
		}
		cut.from = []string{"n1"}
		c.sleep(4 * heartbeat)
		if got, err := client.Call[int64](c.ctx, cl, counter("a"), "get", struct{}{}, client.Stale()); err != nil ||
			got != 7 {
			c.Errorf("%d, %v", got, err)
		}
	})
}

func TestAClientGoesOnToANodeThatReachesTheStore(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(3)
		cut.from = []string{"n3"}
		c.sleep(time.Minute)
		for i := range 12 {
			cl, err := client.New(c.env, c.network.Transport(c.env, "client"),
				client.Config{Addrs: []string{"n3:7600", "n1:7600", "n2:7600"}})
			if err != nil {
				c.Fatal(err)
			}
			took, err := c.timed(func() error {
				_, err := client.Call[int64](c.ctx, cl, counter(fmt.Sprint(i)), "add", 1)
				return err
			})
			if cl.Close(); err != nil || took > inTime {
				c.Errorf("call %d after %v: %v", i, took, err)
			}
		}
	})
}

func TestAClientGivesUpWhenNoNodeReachesTheStore(t *testing.T) {
	bothCuts(t, func(c *cluster, cut *cuts) {
		c.startAll(2)
		cl, err := client.New(c.env, c.network.Transport(c.env, "client"),
			client.Config{Addrs: []string{"n1:7600", "n2:7600"}})
		if err != nil {
			c.Fatal(err)
		}
		defer cl.Close()
		add := func() error {
			_, err := client.Call[int64](c.ctx, cl, counter("a"), "add", 1)
			return err
		}
		cut.from = []string{"n1", "n2"}
		c.env.AfterFunc(4*heartbeat, func() { cut.from = nil })
		if err := add(); err != nil { // an outage that calls survive
			c.Error(err)
		}
		cut.from = []string{"n1", "n2"}
		c.sleep(2 * leaseTTL)
		took, err := c.timed(add)
		if wantCode(c, err, api.CodeUnavailable); took > inTime || !strings.Contains(err.Error(), "unreachable since") {
			c.Errorf("after %v: %v", took, err)
		}
	})
}
