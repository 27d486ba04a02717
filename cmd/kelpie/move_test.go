// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// activate makes actors counter/0 and so on active, of which any node may own any.
func (term terminal) activate(t *testing.T, actors int) {
	t.Helper()
	for i := range actors {
		term.answers(t, "1", fmt.Sprintf("counter/%d", i), "add", "1")
	}
}

// owned counts the actors of each node.
func (term terminal) owned(t *testing.T) map[string]int {
	t.Helper()
	owned := make(map[string]int)
	for _, row := range rows[api.ActorRow](t, term.run("actors", "ls", "-o", "json")) {
		owned[row.Node]++
	}
	return owned
}

// TestMigrate shows one actor's way from node to node.
func TestMigrate(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	from := one[api.ActorRow](t, first.run("actors", "get", "counter/a", "-o", "json")).Node
	to := map[string]string{"n1": "n2", "n2": "n1"}[from]
	for _, term := range []terminal{first, second} { // either node gives the same answer
		m := one[api.MigrateReply](t, term.run("actors", "migrate", "counter/a", "--to", to, "--force", "-o", "json"))
		if !m.Moved || m.From != from || m.To != to || m.PauseMicros <= 0 {
			t.Errorf("moved as %+v", m)
		}
		from, to = to, from
	}
	first.run("actors", "migrate", "counter/a", "--to", from).wants(t, cli.ExitOK, "PAUSE", "was there")
	first.run("actors", "migrate", "counter/a").wants(t, cli.ExitRefused, "was moved here", "force")
	if m := one[api.MigrateReply](t, first.run("actors", "migrate", "counter/a", "--force", "-o", "json")); !m.Moved ||
		m.To != to {
		t.Errorf("moved as %+v", m)
	}
	second.answers(t, "5", "counter/a", "get")
	first.run("actors", "migrate", "counter/a", "--to", "n3").wants(t, cli.ExitNotFound, `"n3"`, "node ls")
	first.run("actors", "migrate", "counter/never").wants(t, cli.ExitNotFound, "was never called")
	second.run("actors", "evict", "counter/a").wants(t, cli.ExitOK)
	first.run("actors", "migrate", "counter/a").wants(t, cli.ExitRefused, "active on no node")
}

// TestMigrateMany shows many actors' way from node to node, and what is said of those that stay.
func TestMigrateMany(t *testing.T) {
	first, second := twoNodes(t)
	actors := 20
	first.activate(t, actors)
	has := first.owned(t)
	for has["n1"] == 0 || has["n2"] == 0 { // placement is by chance, and must give each node some
		if actors += 20; actors > 1000 {
			t.Fatalf("nodes own %v", has)
		}
		first.activate(t, actors)
		has = first.owned(t)
	}
	many := []string{"actors", "migrate", "--from", "n1", "--all", "--to", "n2"}
	first.run(append(many, "--dry-run")...).wants(t, cli.ExitOK, human.Counted(has["n1"], "actor")+
		" of node n1 would move to node n2")
	first.run(many...).wants(t, cli.ExitRefused, "--yes")
	if b := one[api.BulkStatus](
		t, second.run(append(many, "--namespace", "kv", "--yes", "-o", "json")...)); b.Total != 0 ||
		b.State != api.BulkDone {
		t.Errorf("of another namespace: %+v", b)
	}
	if b := one[api.BulkStatus](t, second.run(append(many, "--limit", "1", "--yes", "-o", "json")...)); b.Moved != 1 ||
		b.State != api.BulkDone {
		t.Errorf("with a limit: %+v", b)
	}
	first.run(append(many, "--yes", "-o", "wide")...).wants(t, cli.ExitOK, "migrate", "done", "n2")
	if has = first.owned(t); has["n1"] != 0 || has["n2"] != actors {
		t.Errorf("nodes own %v", has)
	}

	// Those that have just come stay, and are named; the others go.
	back := []string{"actors", "migrate", "--from", "n2", "--all", "--yes"}
	r := first.run(back...)
	if r.code != cli.ExitFailure || !strings.Contains(r.stdout, "NOT MOVED") ||
		!strings.Contains(r.stdout, "was moved here") || !strings.Contains(r.stderr, "rerun the command") {
		t.Errorf("%+v", r)
	}
	first.run(append(back, "--force")...).wants(t, cli.ExitOK, "done")
	if has = first.owned(t); has["n2"] != 0 {
		t.Errorf("nodes own %v", has)
	}
	first.run("actors", "migrate", "--from", "n1", "--cancel").wants(t, cli.ExitRefused, "n1 runs no migrate")
	if r := first.run("actors", "migrate", "--from", "n1", "--all", "--rate", "1/s", "--force", "--yes", "--detach",
		"-o", "json"); one[api.BulkStatus](t, r).State != api.BulkRunning {
		t.Errorf("%+v", r)
	}
	second.run("actors", "migrate", "--from", "n1", "--all", "--namespace", "kv", "--yes").wants(t, cli.ExitRefused,
		"at work already")
	if b := one[api.BulkStatus](
		t, second.run("actors", "migrate", "--from", "n1", "--cancel", "-o", "json")); b.State != api.BulkCancelled ||
		b.Moved >= actors {
		t.Errorf("%+v", b)
	}
	for i := range actors {
		second.answers(t, "1", fmt.Sprintf("counter/%d", i), "get")
	}
}

// TestDrain shows a node that is emptied, shown, and takes actors again.
func TestDrain(t *testing.T) {
	first, second := twoNodes(t)
	const actors = 20
	first.activate(t, actors)
	first.run("node", "show", "n2").wants(t, cli.ExitOK, "NODE ", "STATE ", "TTL LEFT ", "JOB                -\n")
	if r := second.run("node", "drain", "n2", "--yes", "-o", "json"); r.code != cli.ExitOK {
		t.Errorf("%+v", r)
	} else if b := one[api.BulkStatus](t, r); b.Kind != api.BulkDrain || b.Left != 0 || b.Failed != 0 ||
		b.State != api.BulkDone || b.NodeState != "draining" {
		t.Errorf("drained as %+v", b)
	}
	if has := first.owned(t); has["n1"] != actors {
		t.Errorf("nodes own %v", has)
	}
	first.run("node", "show", "n2").wants(t, cli.ExitOK, "draining",
		"drain to the nodes that placement chooses, for an operator, done")
	if d := one[nodeDetail](t, first.run("node", "show", "n2", "-o", "json")); d.Job == nil ||
		d.Job.Kind != api.BulkDrain || d.Node != "n2" || d.Epoch != 1 || d.Beat == 0 {
		t.Errorf("shown as %+v", d)
	}
	first.run("node", "drain", "n1", "--yes").wants(t, cli.ExitRefused, "the only one that takes actors")
	first.run("node", "drain", "n3", "--yes").wants(t, cli.ExitNotFound, `"n3"`)
	first.run("actors", "migrate", "counter/0", "--to", "n2").wants(t, cli.ExitRefused, "undrain n2")
	first.run("node", "undrain", "n2").wants(t, cli.ExitOK, "node n2 is active and accepts actors")
	first.run("node", "undrain", "n3").wants(t, cli.ExitNotFound, `"n3"`)
	if r := first.run("node", "drain", "n1", "--to", "n2", "--rate", "1/s", "--yes", "--detach", "-o",
		"json"); one[api.BulkStatus](t, r).State != api.BulkRunning {
		t.Errorf("%+v", r)
	}
	r := first.run("node", "drain", "n1", "--yes", "--detach", "-o", "json")
	if b := one[api.BulkStatus](t, r); b.Job != 1 || b.To != "n2" ||
		!strings.Contains(r.stderr, "already draining, for an operator, to node n2") {
		t.Errorf("%+v", r)
	}
	first.run("node", "undrain", "n1").wants(t, cli.ExitOK, "node n1 is active")
	if d := one[nodeDetail](t, first.run("node", "show", "n1", "-o", "json")); d.Job == nil ||
		d.Job.State != api.BulkCancelled || d.State != "active" {
		t.Errorf("shown as %+v", d)
	}
}

// TestRebalance shows nodes that carry the same afterwards.
func TestRebalance(t *testing.T) {
	first, second := twoNodes(t)
	const actors = 20
	first.activate(t, actors)
	second.run("node", "drain", "n2", "--yes").wants(t, cli.ExitOK)
	second.run("node", "undrain", "n2").wants(t, cli.ExitOK)
	first.run("cluster", "rebalance", "--dry-run").wants(t, cli.ExitOK, "MOVES", "n1     20    -10    10     10 to n2",
		"n2     0     +10    10     -")
	plan := one[rebalanceResult](t, first.run("cluster", "rebalance", "--dry-run", "-o", "json"))
	if len(plan.Moves) != 1 || plan.Moves[0] != (api.BalanceMove{From: "n1", To: "n2", Amount: 10}) ||
		plan.Jobs == nil {
		t.Errorf("planned %+v", plan)
	}
	first.run("cluster", "rebalance", "--cancel").wants(t, cli.ExitRefused, "no rebalance is running")
	r := terminal{stdin: "y\n", env: first.env, interactive: true}.run("cluster", "rebalance", "-o", "json",
		"--no-color")
	done := one[rebalanceResult](t, r)
	if r.code != cli.ExitOK || len(done.Jobs) != 1 || done.Jobs[0].Moved != 10 ||
		done.Jobs[0].Kind != api.BulkRebalance || !strings.Contains(r.stderr, "10 to n2") {
		t.Errorf("%+v: %+v", r, done)
	}
	if has := first.owned(t); has["n1"] != 10 || has["n2"] != 10 {
		t.Errorf("nodes own %v", has)
	}
	r = first.run("cluster", "rebalance", "--yes")
	r.wants(t, cli.ExitOK, "nothing to move")
	for _, by := range []string{"load", "memory"} {
		first.run("cluster", "rebalance", "--by", by, "--dry-run").wants(t, cli.ExitOK, "HAS")
	}
}

// TestRebalanceIsCancelled shows the end of a slow one.
func TestRebalanceIsCancelled(t *testing.T) {
	first, second := twoNodes(t)
	first.activate(t, 10)
	second.run("node", "drain", "n2", "--yes").wants(t, cli.ExitOK)
	second.run("node", "undrain", "n2").wants(t, cli.ExitOK)
	first.run("cluster", "rebalance", "--rate", "1/s", "--yes", "--detach").wants(t, cli.ExitOK, "running", "--cancel")
	second.run("cluster", "rebalance", "--cancel").wants(t, cli.ExitOK, "n1", "rebalance", "cancelled")
}

// TestForetelling shows what is said before a lease or a claim is broken, and that --dry-run leaves it at that.
func TestForetelling(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "1", "counter/a", "add", "1")
	// On a busy machine the node may have missed a heartbeat, and be suspect.
	second.run("leases", "break", "n2", "--dry-run").wants(t, cli.ExitOK, "node n2, which is ", " at 127.0.0.1:",
		"of epoch 1", "rejoins", "nothing was broken")
	first.run("leases", "break", "--actor", "counter/a", "--dry-run").wants(t, cli.ExitOK,
		"would lose actor counter/a", "under token 1", "nothing was broken")
	first.run("leases", "break", "--actor", "counter/never", "--dry-run").wants(t, cli.ExitNotFound,
		"was never called")
	first.run("leases", "break", "n3", "--dry-run").wants(t, cli.ExitNotFound, `"n3"`, "node ls")
	first.answers(t, "2", "counter/a", "add", "1")
	r := terminal{stdin: "y\n", env: first.env, interactive: true}.run("leases", "break", "--actor", "counter/a")
	r.wants(t, cli.ExitOK, "would lose actor counter/a", "[y/N]", "taken from node n", "token 2")
	if d := one[nodeDetail](t, first.run("node", "show", "n2", "-o", "json")); d.Epoch != 1 {
		t.Errorf("n2 is %+v", d)
	}
}

// TestNodeRemove shows that a node is forgotten when it has gone, and not before.
func TestNodeRemove(t *testing.T) {
	a := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0", "--heartbeat",
		"100ms", "--lease-ttl", "1s")
	first := terminal{env: map[string]string{"KELPIE_ADDR": a.address}}
	t.Run("while it is alive", func(t *testing.T) {
		serve(t, "node", "start", "--join", a.address, "--node-id", "n2", "--listen", "127.0.0.1:0")
		first.run("node", "rm", "n2", "--yes").wants(t, cli.ExitRefused, "alive", "drain and stop it first")
		first.run("leases", "break", "n1", "--dry-run").wants(t, cli.ExitOK, "n1")
	})
	first.run("leases", "break", "n2", "--dry-run").wants(t, cli.ExitOK, "node n2 holds no lease: it is left")
	first.run("node", "show", "n2").wants(t, cli.ExitOK, "left")
	first.run("node", "drain", "n2", "--yes").wants(t, cli.ExitRefused, "not a member", "left")
	first.run("node", "rm", "n2", "--yes").wants(t, cli.ExitOK, "node n2 forgotten")
	first.run("node", "rm", "n2", "--yes").wants(t, cli.ExitNotFound, `"n2"`)
	if got := first.run("node", "ls", "-o", "name").stdout; got != "n1\n" {
		t.Errorf("listed %q", got)
	}
}

// TestCompleteNodes shows that a shell is told the names of nodes, and nothing where nobody answers.
func TestCompleteNodes(t *testing.T) {
	first, _ := twoNodes(t)
	nobody := terminal{env: map[string]string{"KELPIE_ADDR": nowhere}}
	for _, args := range [][]string{
		{"node", "drain", ""}, {"node", "undrain", ""}, {"node", "show", ""}, {"node", "rm", ""},
		{"leases", "break", ""},
		{"node", "drain", "n1", "--to", ""}, {"actors", "migrate", "counter/a", "--to", ""},
		{"actors", "migrate", "--from", ""},
		{"leases", "show", ""}, {"actors", "ls", "--node", ""}, {"actors", "watch", "--node", ""},
		{"placements", "ls", "--node", ""},
	} {
		complete := func(term terminal) []string {
			var names []string
			for line := range strings.Lines(term.run(append([]string{"__completeNoDesc"}, args...)...).stdout) {
				names = append(names, strings.TrimSpace(line))
			}
			return names
		}
		if got := complete(first); !slices.Equal(got, []string{"n1", "n2", ":4"}) {
			t.Errorf("%v is completed by %q", args, got)
		}
		if got := complete(nobody); !slices.Equal(got, []string{":4"}) {
			t.Errorf("%v is completed by %q", args, got)
		}
	}
	for _, args := range [][]string{
		{"namespaces", "show", ""}, {"namespaces", "set", ""}, {"actors", "ls", "--namespace", ""},
		{"actors", "dead-letters", "ls", "--namespace", ""},
		{"placements", "ls", "--namespace", ""}, {"actors", "migrate", "--namespace", ""},
	} {
		if got := first.run(
			append([]string{"__completeNoDesc"}, args...)...).stdout; got != "cache\ncounter\necho\nkv\n:4\n" {
			t.Errorf("%v is completed by %q", args, got)
		}
	}
}
