// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// lookedAt is a fake node that can be looked at, and breaks nothing.
func lookedAt(t *testing.T) string {
	refused := api.Errorf(api.CodeUnavailable, "no node answers with what it would break")
	return fakeNode(t, func(mux *rpc.Mux) {
		rpc.HandleTyped(mux, api.MethodNodes, func(context.Context, *api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: []api.NodeRow{{Node: "n", Incarnation: "1", State: "active", Actors: 3}}}, nil
		})
		rpc.HandleTyped(mux, api.MethodActorGet, func(context.Context, *api.ActorGetRequest) (*api.ActorRow, error) {
			return &api.ActorRow{Node: "n", Token: 1, State: "owned"}, nil
		})
		rpc.HandleTyped(mux, api.MethodLeaseBreak, func(context.Context, *api.LeaseBreakRequest) (*api.LeaseBreakReply, error) { return nil, refused })
		rpc.HandleTyped(mux, api.MethodClaimBreak, func(context.Context, *api.ClaimBreakRequest) (*api.ClaimBreakReply, error) { return nil, refused })
	})
}

// TestForetelling shows what is said before a lease or a claim is broken, and that --dry-run leaves it at that.
func TestForetelling(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "1", "counter/a", "add", "1")
	second.run("leases", "break", "n2", "--dry-run").wants(t, host.ExitOK, "node n2, which is active at 127.0.0.1:", "of epoch 1", "joins again", "nothing was broken")
	first.run("leases", "break", "--actor", "counter/a", "--dry-run").wants(t, host.ExitOK, "would lose actor counter/a", "under token 1", "nothing was broken")
	first.run("leases", "break", "--actor", "counter/never", "--dry-run").wants(t, host.ExitOK, "nobody owns")
	first.run("leases", "break", "n3", "--dry-run").wants(t, host.ExitNotFound, `"n3"`, "node ls")
	first.answers(t, "2", "counter/a", "add", "1")
	r := terminal{stdin: "y\n", env: first.env, interactive: true}.run("leases", "break", "--actor", "counter/a")
	r.wants(t, host.ExitOK, "would lose actor counter/a", "[y/N]", "taken from node n", "token 2")
	for _, row := range rows[api.LeaseRow](t, first.run("leases", "ls", "-o", "json")) {
		if row.Epoch != 1 {
			t.Errorf("the lease is %+v", row)
		}
	}
}
