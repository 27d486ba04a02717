// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// TestStoreOutOfReachIsShown shows what commands say of a cluster whose node can't reach its store: what the node knew
// before, that it is old, and, in doctor, one problem.
func TestStoreOutOfReachIsShown(t *testing.T) {
	const lost = "store kelpie://h:1 unreachable since 2026-01-02T03:04:05Z: connection refused"
	away := api.Errorf(api.CodeUnavailable, "%s", lost)
	away.Detail = map[string]string{api.DetailStoreSilent: "5"}
	addr := fakeNode(t, func(mux *rpc.Mux) {
		handleInfo(mux)
		handle(mux, api.MethodNodes, func(*api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: []api.NodeRow{{Node: "a", State: "left", Actors: 3}}, StoreLost: lost}, nil
		})
		handle(mux, api.MethodNamespaces, func(*api.Empty) (*api.NamespacesReply, error) { return nil, away })
		handle(mux, api.MethodStoreScan, func(*api.StoreScanRequest) (*api.StoreScanReply, error) { return nil, away })
		handle(mux, api.MethodLeases, func(*api.Empty) (*api.LeasesReply, error) { return nil, away })
	})
	for _, line := range []string{"node ls", "cluster status"} {
		r := terminal{}.run(append(strings.Fields(line), "--addr", addr)...)
		if r.code != cli.ExitUnavailable || !strings.HasPrefix(r.stderr, "error: "+lost+"\n") ||
			!strings.Contains(r.stdout, "left") {
			t.Errorf("%s: %+v", line, r)
		}
	}
	if r := (terminal{}).run("cluster", "status", "--addr", addr); !strings.Contains(r.stdout, lost) {
		t.Errorf("cluster status has no such problem: %+v", r)
	}
	told := 0
	for check, all := range findings(t, terminal{}.run("doctor", "-o", "json", "--addr", addr, "--data-dir",
		t.TempDir())) {
		for _, f := range all {
			if strings.Contains(f.Says, "unreachable") {
				told++
				if check != "store" || f.State != stateProblem || f.Says != lost {
					t.Errorf("%+v", f)
				}
			}
		}
	}
	if told != 1 {
		t.Errorf("doctor tells it %d times", told)
	}
}

// TestFindingsFitTheTerminal shows that doctor prints a list within 80 columns, in which every finding and advice is
// whole.
func TestFindingsFitTheTerminal(t *testing.T) {
	long := strings.Repeat("words that go on ", 20)
	all := []finding{healthy("contexts", "short"), warning("data directory", "advice, "+long, "finding, %s", long)}
	text := findingList(all, doctorColumns, style{})
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > doctorColumns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	joined := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{"ok contexts short", "warning data directory finding, " + strings.TrimSpace(long),
		"-> advice, " + strings.TrimSpace(long)} {
		if !strings.Contains(joined, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}

// TestLongIdsAndPages shows that tables cut long ids in the middle and line up over pages, and that -o wide has ids
// whole.
func TestLongIdsAndPages(t *testing.T) {
	id := "counter/" + strings.Repeat("x", 100) + "-end"
	page := func(state, actor string) []api.ActorRow {
		return []api.ActorRow{{Actor: actor, Node: "n", State: state}}
	}
	for _, format := range []string{"table", "wide", "json", "yaml", "name"} {
		cut := format == "table"
		var b strings.Builder
		p := newPrinter(&b, formatOf(t, format), style{}, actorListing, false)
		for _, rows := range [][]api.ActorRow{page("owned", "counter/a"), page("orphaned", "counter/b"),
			page("owned", id)} {
			if err := p.rows(rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.end(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), id) == cut {
			t.Errorf("%s:\n%s", format, b.String())
		}
		if !cut {
			continue
		}
		if !strings.Contains(b.String(), "counter/xxxxxxxxxxx…xxxxxxxxxxxxxxxx-end") {
			t.Errorf("not cut in the middle:\n%s", b.String())
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		at := func(line, word string) int { return utf8.RuneCountInString(line[:strings.Index(line, word)]) }
		if a, b := at(lines[0], "EPOCH"), at(lines[2], " 0 "); a != b+1 {
			t.Errorf("a page later the columns are elsewhere:\n%s", strings.Join(lines, "\n"))
		}
	}
}

func formatOf(t *testing.T, name string) format {
	t.Helper()
	var f format
	if err := f.Set(name); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestNamespaceWithoutANode shows that cluster status says which namespace has no node that accepts actors.
func TestNamespaceWithoutANode(t *testing.T) {
	nodes := []api.NodeRow{{Node: "a", State: "draining"}, {Node: "b", State: "active", Capacity: 2, Actors: 2},
		{Node: "c", State: "active"}}
	row := newClusterStatus(&api.ClusterInfo{}, nodes, []api.NamespaceRow{
		{Namespace: "n", Nodes: []string{"a", "b"}}, {Namespace: "m", Nodes: []string{"a", "c"}}})
	want := "no node that hosts namespace n accepts actors: a is draining, b is full"
	if !slices.Contains(row.Problems, want) || strings.Contains(fmt.Sprint(row.Problems), "namespace m") {
		t.Errorf("problems %q", row.Problems)
	}
}
