// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// TestClusterStatus shows the sum of what nodes say, what is wrong, and that an answer without all of them says that
// it is one.
func TestClusterStatus(t *testing.T) {
	var rows []api.NodeRow
	addr := fakeNode(t, func(mux *rpc.Mux) {
		rpc.HandleTyped(mux, api.MethodClusterInfo, func(context.Context, *api.Empty) (*api.ClusterInfo, error) {
			return &api.ClusterInfo{ClusterID: "c1", StoreURL: "kelpie://s:1", Schema: 3, LeaseTTLMillis: 5000}, nil
		})
		rpc.HandleTyped(mux, api.MethodNodes, func(context.Context, *api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: rows}, nil
		})
		rpc.HandleTyped(mux, api.MethodNamespaces, func(context.Context, *api.Empty) (*api.NamespacesReply, error) {
			return &api.NamespacesReply{Namespaces: []api.NamespaceRow{{Namespace: "kv", Nodes: []string{"n1"}}}}, nil
		})
	})
	rows = []api.NodeRow{{Node: "n1", Address: addr, State: "active", Actors: 3, Pending: 1, Version: "v1"}}
	well := one[clusterStatus](t, terminal{}.run("cluster", "status", "-o", "json", "--addr", addr))
	if well.Active != 1 || well.Actors != 3 || well.Pending != 1 || well.Schema != 3 || len(well.Problems) != 0 ||
		len(well.Silent) != 0 || well.Namespaces != 1 {
		t.Errorf("%+v", well)
	}

	rows = append(rows,
		api.NodeRow{Node: "n2", Address: nowhere, State: "suspect", Actors: 4, Capacity: 4, Version: "v2"},
		api.NodeRow{Node: "n3", Address: nowhere, State: "failed", Actors: 100, Version: "v3"},
		api.NodeRow{Node: "n4", Address: nowhere, State: "left"},
		api.NodeRow{Node: "n5", Address: addr, State: "draining", Version: "v1"},
	)
	r := terminal{}.run("cluster", "status", "-o", "json", "--addr", addr)
	ill := one[clusterStatus](t, r)
	if ill.Active != 1 || ill.Suspect != 1 || ill.Failed != 1 || ill.Left != 1 || ill.Draining != 1 ||
		ill.Actors != 7 || !slices.Equal(ill.Silent, []string{"n2"}) {
		t.Errorf("%+v", ill)
	}
	if r.stderr != "partial: node n2 at "+nowhere+" does not answer (connection refused); its figures are "+
		"from its last heartbeat\n" {
		t.Errorf("says %q", r.stderr)
	}
	problems := strings.Join(ill.Problems, "\n")
	for _, want := range []string{"heartbeat of node n2 is late", "node n2 is at its capacity of 4 actors",
		"node n3 has failed", "node n2 does not answer from here", "2 versions: v1, v2"} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems %q lack %q", problems, want)
		}
	}
	terminal{}.run("cluster", "status", "--addr", addr).wants(t, cli.ExitOK,
		"1 active, 1 suspect, 1 draining, 1 left, 1 failed", "partial: node n2")
}

// TestPlacementPages shows that counts of several pages are added up, and a namespace printed when it is complete.
func TestPlacementPages(t *testing.T) {
	pages := map[string]api.PlacementsReply{
		"": {Next: "b/5", Placements: []api.PlacementRow{
			{Namespace: "a", Node: "n1", Actors: 1}, {Namespace: "a", Node: "n2", Actors: 2, Orphaned: 1},
			{Namespace: "b", Node: "n1", Actors: 4},
		}},
		"b/5": {Next: "b/9", Placements: []api.PlacementRow{{Namespace: "b", Node: "n0", Actors: 8}}},
		"b/9": {Placements: []api.PlacementRow{{Namespace: "b", Node: "n1", Actors: 16}, {
			Namespace: "c", Node: "n2", Actors: 32}}},
	}
	out := new(shared)
	var printed []int
	addr := node(t, api.MethodPlacements, func(req *api.PlacementsRequest) (*api.PlacementsReply, error) {
		printed = append(printed, out.lines())
		reply := pages[req.After]
		return &reply, nil
	})
	for flags, want := range map[string]string{
		"":                                       "a n1 1 0\na n2 2 1\nb n0 8 0\nb n1 20 0\nc n2 32 0\n",
		"--by node":                              "* n0 8 0\n* n1 21 0\n* n2 34 1\n",
		"--by namespace":                         "a * 3 1\nb * 28 0\nc * 32 0\n",
		"--by node --sort actors:desc --limit 1": "* n2 34 1\n",
	} {
		r := terminal{}.run(append([]string{"placements", "ls", "--addr", addr}, strings.Fields(flags)...)...)
		var got strings.Builder
		for _, line := range strings.Split(strings.TrimSpace(r.stdout), "\n")[1:] {
			got.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
		}
		if got.String() != want {
			t.Errorf("%q counts\n%s%swant\n%s", flags, got.String(), r.stderr, want)
		}
	}
	out.left, printed = -1, nil
	p := cli.Process{Stdin: strings.NewReader(""), Stdout: out, Stderr: out, Getenv: func(string) string { return "" }}
	if code := run(p, []string{"placements", "ls", "--addr", addr}); code != cli.ExitOK ||
		!slices.Equal(printed, []int{0, 3, 3}) {
		t.Errorf("exit code %d, lines printed before each page: %v", code, printed)
	}
}
