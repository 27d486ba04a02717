// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// condemn has an actor quarantined, as nodes do: one fails that has it, and two that are running it for a call that
// was lost. The nodes are of the version of who serves at the address.
func condemn(t *testing.T, address, actor string) {
	t.Helper()
	ctx := context.Background()
	store, err := host.OpenStore(ctx, "kelpie://"+address)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	id, err := api.ParseActorID(actor)
	if err != nil {
		t.Fatal(err)
	}
	r := registry.New(env.Real(), store)
	view, err := r.View(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"lost1", "lost2", "lost3", "finder"} {
		m, err := r.Join(
			ctx, registry.JoinSpec{Node: registry.NodeInfo{ID: node, Address: nowhere, Version: view.Nodes[0].Version}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.AcquireFor(ctx, m, id, registry.Attempt{Method: "add", Retry: true, Mark: true}, []byte("x"),
			[]byte("y"))
		if err == nil && node == "lost3" {
			err = got.Claim.BeginTrial(ctx, "add", true, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		if node == "finder" {
			err = r.Leave(ctx, m)
		} else {
			_, err = r.BreakLease(ctx, node)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestQuarantine shows the commands for actors that have ended nodes, and what others say of them.
func TestQuarantine(t *testing.T) {
	s := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": s.address}}
	term.run("actors", "quarantine", "ls", "-o", "json").wants(t, cli.ExitOK, "[]")
	term.run("actors", "quarantine", "clear", "counter/a").wants(t, cli.ExitNotFound, "counter/a is not quarantined",
		"quarantine ls")
	for _, actor := range []string{"counter/a", "counter/b", "kv/a"} {
		condemn(t, s.address, actor)
	}

	term.run("actors", "call", "counter/a", "add", "1").wants(t, cli.ExitRefused,
		"actor counter/a is quarantined: it ended the process of node lost3 while it ran method add",
		"quarantine clear counter/a")
	term.run("actors", "quarantine", "ls").wants(t, cli.ExitOK, "ACTOR", "counter/a", "lost3", "add", "kv/a")
	if got := term.run("actors", "quarantine", "ls", "--limit", "2", "-o",
		"name").stdout; got != "counter/a\ncounter/b\n" {
		t.Errorf("listed %q", got)
	}
	if all := rows[api.QuarantineRow](
		t, term.run("actors", "quarantine", "ls", "--namespace", "kv", "-o", "json")); len(all) != 1 ||
		all[0].Actor != "kv/a" || all[0].Nodes != 2 || all[0].Since == "" {
		t.Errorf("listed %+v", all)
	}
	term.run("actors", "get", "counter/a").wants(t, cli.ExitOK, "QUARANTINE", "it ended the process of node lost3")
	refused := "actor counter/a is refused: its method add has ended node lost3"
	if r := term.run("doctor", "--data-dir", t.TempDir()); r.code != cli.ExitProblem ||
		!strings.Contains(strings.Join(strings.Fields(r.stdout), " "), refused) {
		t.Errorf("doctor: exit code %d, %s", r.code, r.stdout)
	}

	term.run("actors", "quarantine", "clear", "counter/a", "counter/b").wants(t, cli.ExitOK,
		"actor counter/a is no longer quarantined\n", "counter/b")
	term.run("actors", "call", "counter/a", "add", "1").wants(t, cli.ExitOK, "1\n")
	if got := term.run("actors", "quarantine", "ls", "-o", "name").stdout; got != "kv/a\n" {
		t.Errorf("listed %q", got)
	}
	term.run("events", "--kind", "acquitted").wants(t, cli.ExitOK, "counter/a", "by an operator")
	term.run("actors", "get", "counter/a", "-o", "json").wants(t, cli.ExitOK, `"quarantine":""`)
}
