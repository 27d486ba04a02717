// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

const (
	leaseTTL  = 5 * time.Second
	heartbeat = time.Second
)

// cluster is nodes on simulated machines, over one memory store and network.
type cluster struct {
	*testing.T
	sched   *coro.Scheduler
	env     env.Env
	ctx     context.Context
	store   *gate
	network *mem.Network
	nodes   map[string]*member
	kinds   []actor.Kind
	tune    func(*node.Config)
	log     *strings.Builder
}

type member struct {
	*node.Node
	machine *coro.Machine
}

// simulate runs a test on a cluster of nodes n1, n2 ... under a few seeds.
func simulate(t *testing.T, seeds int, f func(c *cluster)) {
	t.Helper()
	envtest.Simulated(t, seeds, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := &cluster{
			T: t, sched: s, env: e, ctx: context.Background(), store: &gate{Store: store}, network: mem.NewNetwork(e),
			nodes: make(map[string]*member), kinds: []actor.Kind{counters, journals, links, scratchpads},
			log: new(strings.Builder),
		}
		defer func() {
			if t.Failed() {
				t.Log(c.log.String())
			}
		}()
		f(c)
	})
}

// gate is the store, with a door that can be shut for some machines, and hooks on commits.
type gate struct {
	*occ.Store
	// landed, if not nil, is told of every batch of an actor that was committed, before its owner is.
	landed func(machine string)
	// commit, if not nil, stands between a transaction and its commit.
	commit func(machine string, commit func() error) error
	// refuse, if not nil, says of a commit of a machine that it fails, and why.
	refuse func(machine string, c *ryw.Commit) error
	// eventCommits counts the attempts to commit that write events or delete them.
	eventCommits int
	// reads counts the reads of keys.
	reads int
	// stateReads counts the keys of actors' spaces that were read.
	stateReads int
	// ownerReads counts the reads of a claim alone: those of who owns an actor.
	ownerReads int
	// dueReads counts the ranges of what is due that were read.
	dueReads int
}

// gatedStore is the store as one machine sees it.
type gatedStore struct {
	*gate
	machine string
}

func (g gatedStore) Begin(o kv.TxOptions) kv.Tx { return ryw.New(g, o) }

func (g gatedStore) Commit(ctx context.Context, c *ryw.Commit) (committed ryw.Committed, err error) {
	if writesEvents(c) {
		g.eventCommits++
	}
	if g.refuse != nil {
		if err := g.refuse(g.machine, c); err != nil {
			return committed, err
		}
	}
	commit := func() (err error) {
		committed, err = g.gate.Store.Commit(ctx, c)
		if err == nil && g.landed != nil && writesState(c) {
			g.landed(g.machine)
		}
		return err
	}
	if g.commit == nil {
		return committed, commit()
	}
	err = g.commit(g.machine, commit)
	return committed, err
}

// GetAll implements ryw.Backend.
func (g gatedStore) GetAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	g.reads++
	if len(keys) == 1 && bytes.HasPrefix(keys[0], tuple.Pack("kelpie", "claim")) {
		g.ownerReads++
	}
	for _, k := range keys {
		if bytes.Contains(k, tuple.Pack("k")) {
			g.stateReads++
		}
	}
	return g.gate.Store.GetAll(ctx, v, keys)
}

// Range implements ryw.Backend.
func (g gatedStore) Range(ctx context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue,
	bool, error) {
	if bytes.Contains(begin, tuple.Pack("due")) {
		g.dueReads++
	}
	return g.gate.Store.Range(ctx, v, begin, end, opt)
}

// batches counts the batches of actors that are committed from now on.
func (g *gate) batches() *int {
	n := new(int)
	g.landed = func(string) { *n++ }
	return n
}

// writesState reports whether a commit is that of an actor's batch: only those write seq.
func writesState(c *ryw.Commit) bool {
	return slices.ContainsFunc(c.Mutations, func(m ryw.Mutation) bool { return bytes.Contains(m.Key, []byte("seq")) })
}

// writesEvents reports whether a commit is of events of nodes.
func writesEvents(c *ryw.Commit) bool {
	return slices.ContainsFunc(c.Mutations, func(m ryw.Mutation) bool {
		return bytes.HasPrefix(m.Key, tuple.Pack("kelpie", "event"))
	})
}

func (c *cluster) start(id string) *member {
	c.Helper()
	m, err := c.tryStart(id)
	if err != nil {
		c.Fatalf("node %s does not start: %v", id, err)
	}
	return m
}

func (c *cluster) tryStart(id string) (*member, error) {
	machine := c.sched.Machine(id)
	config := node.Config{
		Env: machine, Store: gatedStore{c.store, id}, Transport: c.network.Transport(machine, id),
		NodeID: id, Listen: id + ":7600", Kinds: c.kinds, LeaseTTL: leaseTTL, Heartbeat: heartbeat, StoreURL: "memory:",
		Logger: slog.New(slog.NewTextHandler(virtualLog{c, id}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if c.tune != nil {
		c.tune(&config)
	}
	n, err := node.New(config)
	if err != nil {
		return nil, err
	}
	started := env.NewFuture[struct{}](c.env)
	machine.Go("start", func() { started.Complete(struct{}{}, n.Start(context.Background())) })
	if _, err := started.Wait(c.ctx); err != nil {
		return nil, err
	}
	c.nodes[id] = &member{Node: n, machine: machine}
	return c.nodes[id], nil
}

// hosting has nodes host kinds of their own; those that are not named host none.
func hosting(kinds map[string][]actor.Kind) func(*node.Config) {
	return func(config *node.Config) { config.Kinds = kinds[config.NodeID] }
}

type virtualLog struct {
	c  *cluster
	id string
}

func (l virtualLog) Write(p []byte) (int, error) {
	fmt.Fprintf(l.c.log, "%12v %s %s", l.c.sched.Elapsed(), l.id, p)
	return len(p), nil
}

func (c *cluster) startAll(n int) {
	c.Helper()
	for i := range n {
		c.start(fmt.Sprintf("n%d", i+1))
	}
	c.sleep(3 * heartbeat) // until everybody knows everybody
}

// crash ends a node as SIGKILL does.
func (c *cluster) crash(id string) {
	c.network.Cut(id)
	c.nodes[id].machine.Kill()
	delete(c.nodes, id)
}

func (c *cluster) sleep(d time.Duration) {
	if err := env.Sleep(c.env, c.ctx, d); err != nil {
		c.Fatal(err)
	}
}

// call calls an actor through a node, as a client does.
func (c *cluster) call(via string, timeout time.Duration, id api.ActorID, method string, request, reply any) error {
	pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
	defer pool.Close()
	return c.callBy(pool, via, timeout, id, method, "", request, reply)
}

func (c *cluster) callBy(pool *rpc.Pool, via string, timeout time.Duration, id api.ActorID, method, key string,
	request, reply any) error {
	body, err := actor.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := env.WithTimeout(c.env, c.ctx, timeout)
	defer cancel()
	birth, err := c.store.ReadVersion(c.ctx, kv.PriorityDefault)
	if err != nil {
		return err
	}
	in := api.InvokeRequest{Actor: id, Method: method, Key: api.CallKey{Name: key, Birth: uint64(birth)}, Body: body}
	out, err := pool.Call(ctx, via+":7600", rpc.ClassCall, api.MethodInvoke, in.AppendTo(nil))
	if err != nil {
		return err
	}
	answer, err := api.DecodeInvokeReply(out)
	if err != nil || reply == nil {
		return err
	}
	return actor.Unmarshal(answer.Body, reply)
}

func (c *cluster) add(via string, id api.ActorID, n int64) int64 {
	c.Helper()
	var now int64
	if err := c.call(via, 30*time.Second, id, "add", n, &now); err != nil {
		c.Fatalf("%s add %d through %s: %v", id, n, via, err)
	}
	return now
}

func (c *cluster) get(via string, id api.ActorID) int64 {
	c.Helper()
	var now int64
	if err := c.call(via, 30*time.Second, id, "get", struct{}{}, &now); err != nil {
		c.Fatalf("%s get through %s: %v", id, via, err)
	}
	return now
}

// owner asks a node who has an actor.
func (c *cluster) owner(via string, id api.ActorID) api.ActorRow {
	c.Helper()
	row, err := admin[api.ActorGetRequest, api.ActorRow](c, via, api.MethodActorGet,
		&api.ActorGetRequest{Actor: id.String()})
	if err != nil {
		c.Fatal(err)
	}
	return *row
}

func (c *cluster) nodeRow(via, id string) api.NodeRow {
	c.Helper()
	reply, err := admin[api.Empty, api.NodesReply](c, via, api.MethodNodes, &api.Empty{})
	if err != nil {
		c.Fatal(err)
	}
	for _, row := range reply.Nodes {
		if row.Node == id {
			return row
		}
	}
	c.Fatalf("node %s is not listed", id)
	return api.NodeRow{}
}

func admin[Req, Resp any](c *cluster, via, method string, req *Req) (*Resp, error) {
	pool := rpc.NewPool(c.env, c.network.Transport(c.env, "client"), rpc.PoolConfig{})
	defer pool.Close()
	ctx, cancel := env.WithTimeout(c.env, c.ctx, 10*time.Second)
	defer cancel()
	return rpc.CallTyped[Req, Resp](ctx, pool, via+":7600", method, req)
}

// other returns a node that is not the given one.
func (c *cluster) other(id string) string {
	for i := 1; ; i++ {
		if n := fmt.Sprintf("n%d", i); n != id && c.nodes[n] != nil {
			return n
		}
	}
}

func counter(id string) api.ActorID { return api.ActorID{Namespace: "counter", ID: id} }

type counterState struct {
	N int64 `json:"n"`
}

var counters = actor.New[counterState]("counter").
	With(actor.WriteFunc("add", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
		s.N += n
		return s.N, nil
	})).
	With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
		return s.N, nil
	})).
	With(actor.WriteFunc("add_then_fail", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
		s.N += n
		return 0, actor.Errorf("refused", "no %d today", n)
	})).
	With(actor.WriteFunc("add_then_panic", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
		s.N += n
		panic("a defect of the actor")
	}))

type blob struct {
	Text string `json:"text"`
}

// journals use both a state struct, of any size, and the key-value space.
var journals = actor.New[blob]("journal").
	With(actor.WriteFunc("fill", func(_ *actor.Context, s *blob, size int) (int, error) {
		s.Text = strings.Repeat("x", size)
		return len(s.Text), nil
	})).
	With(actor.WriteFunc("fill_and_show", func(_ *actor.Context, s *blob, size int) (string, error) {
		s.Text = strings.Repeat("x", size)
		return strings.Repeat("y", api.PayloadBytesMax+1), nil
	})).
	With(actor.ReadFunc("size", func(_ *actor.Context, s *blob, _ struct{}) (int, error) {
		return len(s.Text), nil
	})).
	With(actor.WriteFunc("put", func(ctx *actor.Context, _ *blob, kv [2]string) (bool, error) {
		if err := ctx.Set(kv[0], kv[1]); err != nil {
			return false, err
		}
		if kv[1] == "fail" {
			return false, actor.Errorf("fail", "told to fail")
		}
		return true, nil
	})).
	With(actor.WriteFunc("delete", func(ctx *actor.Context, _ *blob, key string) (bool, error) {
		return true, ctx.Delete(key)
	})).
	With(actor.WriteFunc("put_and_list", func(ctx *actor.Context, _ *blob, kv [2]string) ([]string, error) {
		if err := ctx.Set(kv[0], kv[1]); err != nil {
			return nil, err
		}
		return keys(ctx, "", 1000)
	})).
	With(actor.ReadFunc("value", func(ctx *actor.Context, _ *blob, key string) (v string, err error) {
		_, err = ctx.Get(key, &v)
		return v, err
	})).
	With(actor.ReadFunc("list", func(ctx *actor.Context, _ *blob, prefix string) ([]string, error) {
		return keys(ctx, prefix, 1000)
	})).
	With(actor.WriteFunc("flood", func(ctx *actor.Context, _ *blob, n int) (int, error) {
		for i := range n {
			if err := ctx.Set(fmt.Sprintf("flood%06d", i), strings.Repeat("y", 90_000)); err != nil {
				return 0, err
			}
		}
		return n, nil
	})).
	With(actor.ReadFunc("write_in_read", func(ctx *actor.Context, _ *blob, _ struct{}) (bool, error) {
		return true, ctx.Set("k", "v")
	}))

// scratchpads are volatile.
var scratchpads = actor.New[blob]("scratchpad").Volatile().
	With(actor.WriteFunc("note", func(ctx *actor.Context, s *blob, text string) ([]string, error) {
		s.Text += text
		if text == "fail" {
			return nil, actor.Errorf("fail", "told to fail")
		}
		if err := ctx.Set(text, s.Text); err != nil {
			return nil, err
		}
		return keys(ctx, "", 1000)
	})).
	With(actor.ReadFunc("notes", func(ctx *actor.Context, _ *blob, _ struct{}) ([]string, error) {
		return keys(ctx, "", 1000)
	}))

func keys(ctx *actor.Context, prefix string, limit int) ([]string, error) {
	pairs, err := ctx.List(prefix, limit)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, p := range pairs {
		var v string
		if err := p.Decode(&v); err != nil {
			return nil, err
		}
		out = append(out, p.Key+"="+v)
	}
	return out, nil
}
