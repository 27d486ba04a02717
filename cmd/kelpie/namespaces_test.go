// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestNamespaceSettings shows settings as people see and change them, asked at either node.
func TestNamespaceSettings(t *testing.T) {
	a := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0", "--heartbeat",
		"100ms", "--lease-ttl", "1s", "--zone", "eu")
	b := serve(t, "node", "start", "--join", a.address, "--node-id", "n2", "--listen", "127.0.0.1:0", "--zone", "us",
		"--label", "disk=ssd", "--label", "cpu=big")
	first := terminal{env: map[string]string{"KELPIE_ADDR": a.address}}
	second := terminal{env: map[string]string{"KELPIE_ADDR": b.address}}
	first.run("cluster", "wait", "--nodes", "2").wants(t, cli.ExitOK)
	first.run("node", "ls", "-o", "wide").wants(t, cli.ExitOK, "ZONE", "LABELS", "cpu=big,disk=ssd")
	nodes := rows[api.NodeRow](t, first.run("node", "ls", "-o", "json"))
	if n := nodes[1]; n.Zone != "us" || strings.Join(n.Labels, " ") != "cpu=big disk=ssd" || nodes[0].Labels == nil {
		t.Errorf("nodes %+v", nodes)
	}

	show := func(term terminal) (row api.NamespaceRow) {
		t.Helper()
		r := term.run("namespaces", "show", "counter", "-o", "json")
		if err := json.Unmarshal([]byte(r.stdout), &row); r.code != cli.ExitOK || err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		return row
	}
	if row := show(second); row.Placement != "least-loaded" || row.Prefer != "" ||
		strings.Join(row.Nodes, " ") != "n1 n2" {
		t.Errorf("before: %+v", row)
	}
	near := []string{"namespaces", "set", "counter", "--placement", "affinity", "--prefer", "disk=ssd"}
	dry := second.run(append(near, "--dry-run")...)
	dry.wants(t, cli.ExitOK, "would change", "nothing was changed", "SETTING", "affinity")
	if row := show(first); row.Placement != "least-loaded" {
		t.Errorf("after a dry run: %+v", row)
	}
	want := []namespaceChange{
		{"counter", "placement", "least-loaded", "affinity", false}, {"counter", "prefer", "", "disk=ssd", false},
		{"counter", "fallback", "", "least-loaded", false},
	}
	if got := rows[namespaceChange](t, first.run(append(near, "-o", "json")...)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("changed %+v, want %+v", got, want)
	}
	if got := rows[namespaceChange](t, second.run(append(near, "-o", "json")...)); len(got) != 0 {
		t.Errorf("changed %+v again", got)
	}
	second.run(near...).wants(t, cli.ExitOK, "already has these settings")
	second.run("namespaces", "show", "counter").wants(t, cli.ExitOK, "PREFER", "disk=ssd", "FALLBACK", "n1,n2")
	first.run("namespaces", "ls").wants(t, cli.ExitOK, "affinity", "least-loaded")
	for i := range 4 { // through the node that was told: the other follows within a heartbeat
		first.answers(t, "1", fmt.Sprintf("counter/%d", i), "add", "1")
	}
	for _, row := range rows[api.ActorRow](t, first.run("actors", "ls", "--namespace", "counter", "-o", "json")) {
		if row.Node != "n2" {
			t.Errorf("placed: %+v", row)
		}
	}

	first.run("namespaces", "set", "kv", "--consistency", "stale", "-o", "yaml").wants(t, cli.ExitOK,
		"setting: consistency\n", "after: stale\n")
	first.run("namespaces", "set", "counter", "--idle-timeout", "90s", "-o", "yaml").wants(t, cli.ExitOK,
		"setting: idle_timeout_ms\n", "after: \"90000\"\n")
	for _, p := range placements { // every one that is documented is one that nodes know
		args := []string{"namespaces", "set", "kv", "--placement", p.name, "--dry-run"}
		if p.name == "affinity" {
			args = append(args, "--prefer", "node=n1")
		}
		first.run(args...).wants(t, cli.ExitOK)
	}

	first.run("namespaces", "show", "nosuch").wants(t, cli.ExitNotFound, `"nosuch"`, "namespaces ls")
	first.run("namespaces", "set", "nosuch", "--placement", "random").wants(t, cli.ExitNotFound, `"nosuch"`,
		"namespaces ls")
	first.run("namespaces", "set", "kv", "--placement", "affinity").wants(t, cli.ExitUsage,
		"needs to know what to prefer", "--prefer")
	first.run("namespaces", "set", "kv", "--fallback", "random").wants(t, cli.ExitUsage, "takes no fallback")
	first.run("namespaces", "set", "kv", "--idle-timeout", "1ms").wants(t, cli.ExitUsage, "--idle-timeout 1ms",
		"at least 100ms")
}
