// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// fakeNode serves what register registers and returns its address.
func fakeNode(t *testing.T, register func(mux *rpc.Mux)) string {
	t.Helper()
	l, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := rpc.NewMux()
	register(mux)
	server := rpc.NewServer(env.Real(), rpc.ServerConfig{}, mux)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr()
}

// handleInfo makes a fake node known for a node.
func handleInfo(mux *rpc.Mux) {
	rpc.HandleTyped(mux, api.MethodClusterInfo, func(context.Context, *api.Empty) (*api.ClusterInfo, error) {
		return &api.ClusterInfo{}, nil
	})
	rpc.HandleTyped(mux, api.MethodBirth, func(context.Context, *api.Empty) (*api.BirthReply, error) {
		return &api.BirthReply{Version: 1}, nil
	})
}

// node serves one method.
func node[Req, Resp any](t *testing.T, method string, f func(req *Req) (*Resp, error)) string {
	t.Helper()
	return fakeNode(t, func(mux *rpc.Mux) {
		rpc.HandleTyped(mux, method, func(_ context.Context, req *Req) (*Resp, error) { return f(req) })
	})
}

// TestAddressesInTurn shows which errors make a command ask the next node, and what it says in the end.
func TestAddressesInTurn(t *testing.T) {
	one := func(code api.Code, message string) string {
		return node(t, api.MethodNodes, func(*api.Empty) (*api.NodesReply, error) {
			if code != api.CodeOK {
				return nil, api.Errorf(code, "%s", message)
			}
			return &api.NodesReply{Nodes: []api.NodeRow{{Node: message}}}, nil
		})
	}
	good := one(api.CodeOK, "found")
	down := one(api.CodeUnavailable, "the store is down")
	internal := one(api.CodeInternal, "a defect")
	foreign := fakeNode(t, func(*rpc.Mux) {})
	for _, c := range []struct {
		addrs []string
		code  int
		says  string
	}{
		{[]string{nowhere, good}, cli.ExitOK, "found"},
		{[]string{down, good}, cli.ExitOK, "found"},
		{[]string{nowhere, down}, cli.ExitUnavailable, "the store is down"},
		{[]string{down, nowhere}, cli.ExitUnavailable, "the store is down"},
		{[]string{internal, good}, cli.ExitFailure, "a defect"},
		{[]string{foreign, good}, cli.ExitNotFound, api.MethodNodes},
	} {
		terminal{}.run("node", "ls", "-o", "name", "--addr", strings.Join(c.addrs, ",")).wants(t, c.code, c.says)
	}
}

// untilReached runs a command that is never answered, with more and more time until that suffices to reach the node:
// on a busy machine a short time is over before. It returns the result, and the time that was given.
func untilReached(args ...string) (result, string) {
	for timeout := 50 * time.Millisecond; ; timeout *= 2 {
		r := terminal{}.run(append(args[:len(args):len(args)], "--timeout", timeout.String())...)
		if r.code != cli.ExitUnavailable || timeout > 5*time.Second {
			return r, timeout.String()
		}
	}
}

// TestNoAnswer shows that a question is put to the next node when one does not answer, and an order is not.
func TestNoAnswer(t *testing.T) {
	let := make(chan struct{})
	wait := func(context.Context, *rpc.Request) ([]byte, error) { <-let; return nil, nil }
	hung := fakeNode(t, func(mux *rpc.Mux) {
		mux.Handle(api.MethodNodes, wait)
		mux.Handle(api.MethodLeaseBreak, wait)
		mux.Handle(api.MethodClusterInfo, wait)
		mux.Handle(api.MethodBirth, wait)
	})
	defer close(let)
	good := fakeNode(t, func(mux *rpc.Mux) {
		handleInfo(mux)
		rpc.HandleTyped(mux, api.MethodNodes, func(context.Context, *api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: []api.NodeRow{{Node: "found"}}}, nil
		})
		mux.Handle(api.MethodInvoke, func(context.Context, *rpc.Request) ([]byte, error) {
			reply := api.InvokeReply{Body: []byte{7}}
			return reply.AppendTo(nil), nil
		})
	})
	both := []string{"--addr", hung + "," + good, "--timeout", "2s"}
	alone := []string{"--addr", hung, "--timeout", "100ms"}
	terminal{}.run(append([]string{"node", "ls"}, both...)...).wants(t, cli.ExitOK, "found")
	terminal{}.run(append([]string{"actors", "call", "counter/a", "get"}, both...)...).wants(t, cli.ExitOK, "7\n")
	terminal{}.run(append([]string{"node", "ls"}, alone...)...).wants(t, cli.ExitUnavailable,
		hung+" (no answer arrived in time)")
	r, timeout := untilReached("leases", "break", "n", "--yes", "--addr", hung)
	r.wants(t, cli.ExitUnknown, hung+" did not answer within "+timeout)
}

// actorPages serves 2,500 actors in pages of up to 1,000, one of which is empty, and counts the pages.
func actorPages(t *testing.T, asked *int) string {
	const total = 2500
	return node(t, api.MethodActors, func(req *api.ActorsRequest) (*api.ActorsReply, error) {
		*asked++
		first := 0
		if req.After != "" {
			if _, err := fmt.Sscanf(req.After, "n/%d", &first); err != nil {
				return nil, err
			}
			first++
		}
		reply := &api.ActorsReply{}
		limit := req.Limit
		if limit == 0 || limit > 1000 {
			limit = 1000
		}
		for i := first; i < min(first+limit, total); i++ {
			if first != 1000 { // all of that page are filtered out
				reply.Actors = append(reply.Actors, api.ActorRow{Actor: fmt.Sprintf("n/%04d", i)})
			}
			reply.Next = fmt.Sprintf("n/%04d", i)
		}
		if first+limit >= total {
			reply.Next = ""
		}
		return reply, nil
	})
}

// TestPages shows that a long listing comes whole and in order, page by page, and that no more is read than asked for.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		args        []string
		rows, asked int
		last        string
	}{
		{nil, 1500, 3, "n/2499"},
		{[]string{"--limit", "1200"}, 1200, 3, "n/1399"},
		{[]string{"--limit", "1000"}, 1000, 1, "n/0999"},
		{[]string{"--limit", "3"}, 3, 1, "n/0002"},
	} {
		var asked int
		addr := actorPages(t, &asked)
		r := terminal{}.run(append([]string{"actors", "ls", "-o", "json", "--addr", addr}, c.args...)...)
		got := rows[api.ActorRow](t, r)
		if len(got) != c.rows || got[len(got)-1].Actor != c.last || asked != c.asked {
			t.Errorf("%v: %d rows to %s in %d pages, want %d to %s in %d", c.args, len(got), got[len(got)-1].Actor,
				asked, c.rows, c.last, c.asked)
		}
	}
}

// TestLostAnswer shows what a call says whose answer does not come: it may have been executed.
func TestLostAnswer(t *testing.T) {
	let := make(chan struct{})
	defer close(let)
	addr := fakeNode(t, func(mux *rpc.Mux) {
		handleInfo(mux)
		mux.Handle(api.MethodInvoke, func(context.Context, *rpc.Request) ([]byte, error) { <-let; return nil, nil })
	})
	call := []string{"actors", "call", "counter/a", "add", "1", "--addr", addr}
	r, timeout := untilReached(call...)
	r.wants(t, cli.ExitUnknown, "add of counter/a was not answered within "+timeout, "may have been executed")
	r, _ = untilReached(append(call, "--idempotency-key", "k")...)
	r.wants(t, cli.ExitUnknown, "with the same --idempotency-key")
}

// TestIdempotencyKey shows that the key reaches the node, and that a call with one is sent again when its answer was
// lost.
func TestIdempotencyKey(t *testing.T) {
	var keys []string
	addr := fakeNode(t, func(mux *rpc.Mux) {
		handleInfo(mux)
		mux.Handle(api.MethodInvoke, func(_ context.Context, r *rpc.Request) ([]byte, error) {
			req, err := api.DecodeInvokeRequest(r.Payload)
			if err != nil {
				return nil, err
			}
			if keys = append(keys, req.Key.Name); len(keys) == 1 {
				return nil, api.Errorf(api.CodeUnknown, "lost")
			}
			reply := api.InvokeReply{Body: []byte{7}}
			return reply.AppendTo(nil), nil
		})
	})
	r := terminal{}.run("actors", "call", "counter/a", "add", "1", "--addr", addr, "--idempotency-key", "k")
	if r.code != cli.ExitOK || r.stdout != "7\n" || strings.Join(keys, " ") != "k k" {
		t.Errorf("%+v after calls with the keys %q", r, keys)
	}
}

// TestNoNode shows what is said of an address where something else than a node is.
func TestNoNode(t *testing.T) {
	addr := fakeNode(t, func(*rpc.Mux) {})
	for _, args := range [][]string{{"node", "ls"}, {"actors", "call", "counter/a", "get"}} {
		terminal{}.run(append(args, "--addr", addr)...).wants(t, cli.ExitNotFound, addr+" is not a node", "--addr")
	}
}
