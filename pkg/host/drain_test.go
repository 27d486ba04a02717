// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// joined starts a node that uses the store of another one.
func joined(t *testing.T, to *running, name string, drainTimeout time.Duration, kinds ...actor.Kind) *running {
	t.Helper()
	return begin(t, options(t, name, func(o *Options) { o.Join, o.DrainTimeout = []string{to.Address}, drainTimeout }),
		kinds...)
}

// sitters is a kind whose actors do nothing.
func sitters() actor.Kind {
	return actor.New[struct{}]("sitter").With(
		actor.WriteFunc("sit", func(*actor.Context, *struct{}, struct{}) (int, error) { return 0, nil }))
}

// ask calls a method of a node.
func ask[Req, Resp any](t *testing.T, addr, method string, req *Req) *Resp {
	t.Helper()
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	defer pool.Close()
	resp, err := rpc.CallTyped[Req, Resp](t.Context(), pool, addr, method, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// sit activates an actor through the node at addr.
func sit(t *testing.T, addr, id string) {
	t.Helper()
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	defer pool.Close()
	body, err := actor.Marshal(struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	req := api.InvokeRequest{Actor: api.ActorID{Namespace: "sitter", ID: id}, Method: "sit", Body: body}
	if _, err := pool.Call(context.Background(), addr, rpc.ClassCall, api.MethodInvoke, req.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
}

// owners counts the actors of each node, also those that nobody owns.
func owners(t *testing.T, addr string) map[string]int {
	t.Helper()
	all := make(map[string]int)
	for _, row := range ask[api.ActorsRequest, api.ActorsReply](t, addr, api.MethodActors,
		&api.ActorsRequest{All: true}).Actors {
		all[row.Node+" "+row.State]++
	}
	return all
}

// TestStopDrains shows that a node which is asked to stop hands its actors over before, unless it is told not to; and
// that the last of them stops without, as does the one that keeps the store.
func TestStopDrains(t *testing.T) {
	const actors = 40
	a := begin(t, options(t, "a", func(o *Options) { o.DrainTimeout = time.Hour }))
	b := joined(t, a, "b", time.Hour, sitters())
	for i := range actors {
		sit(t, b.Address, fmt.Sprint(i))
	}
	c := joined(t, a, "c", 0, sitters())
	d := joined(t, a, "d", time.Hour)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if got := owners(t, a.Address); got["c owned"] != actors {
		t.Errorf("after the stop of b: %v", got)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if got := owners(t, a.Address); len(got) != 1 || got[" released"]+got["c orphaned"] != actors {
		t.Errorf("after the stop of c, which does not drain: %v", got)
	}
	if err := a.stop(); err != nil { // while d takes actors
		t.Error(err)
	}
	d.signals <- os.Interrupt
	d.signals <- os.Interrupt // there is no store to tell
	<-d.ended
}

// TestLastNodeDoesNotDrain shows that a node which has no other to give its actors to stops at once.
func TestLastNodeDoesNotDrain(t *testing.T) {
	s, err := start(t, "serving store", func(p cli.Process) error {
		return ServeStore(context.Background(), p,
			StoreOptions{Listen: "127.0.0.1:0", Store: "memory:", Log: LogOptions{Level: "info", Format: "json"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	n := begin(t, options(t, "n", func(o *Options) { o.Store, o.DrainTimeout = "kelpie://"+s.Address, time.Hour }),
		sitters())
	sit(t, n.Address, "a")
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestDrainEnds shows what ends a drain that can't be completed: its time, with a clean stop after it, or a second
// signal.
func TestDrainEnds(t *testing.T) {
	blocked := &blocker{make(chan struct{}), make(chan struct{})}
	a := begin(t, options(t, "a", nil))
	hasty := joined(t, a, "hasty", 50*time.Millisecond, blocked.kind())
	answered := call(t, hasty.Address)
	<-blocked.entered
	other := joined(t, a, "other", time.Hour, blocked.kind())
	hasty.signals <- os.Interrupt
	for ask[api.Empty, api.NodesReply](t, a.Address, api.MethodNodes, &api.Empty{}).Nodes[1].State != "draining" {
	}
	close(blocked.leave)
	if err := <-hasty.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the call was answered %v", err)
	}

	blocked.leave = make(chan struct{})
	answered = call(t, other.Address)
	<-blocked.entered
	joined(t, a, "third", 0, blocked.kind())
	other.signals <- os.Interrupt
	other.signals <- os.Interrupt
	if err := <-other.ended; cli.ExitCodeOf(err) != cli.ExitInterrupted {
		t.Errorf("the node ended with %v", err)
	}
	close(blocked.leave)
	<-answered
}
