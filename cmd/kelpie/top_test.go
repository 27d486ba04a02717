// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/tui"
)

func TestTopOnce(t *testing.T) {
	first, _ := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	for _, args := range [][]string{{"top", "--once"}, {"top"}} { // without a terminal it is the same
		r := first.run(args...)
		r.wants(t, cli.ExitOK, "NODES", "n1", "n2", "active", "ACTORS", "counter/a", "LEASES", "MOVES",
			"no actor is moving", "EVENTS", "joined")
		if strings.Contains(r.stdout, "\x1b") || r.stderr != "" {
			t.Errorf("not plain: %q", r.stdout+r.stderr)
		}
	}
	first.run("top", "--refresh", "10ms").wants(t, cli.ExitUsage, "--refresh 10ms", "500ms")
	first.run("top", "n1").wants(t, cli.ExitUsage, "n1")
	terminal{env: map[string]string{"KELPIE_ADDR": "127.0.0.1:1"}}.run("top").wants(t, cli.ExitUnavailable,
		"127.0.0.1:1 (connection refused)")
}

// TestTopGoesOnByAnotherNode shows that the view needs only to be told of one node, and acts by any.
func TestTopGoesOnByAnotherNode(t *testing.T) {
	store := serve(t, "store", "serve", "--store", "memory:", "--listen", "127.0.0.1:0")
	start := func(id string) *server {
		return serve(t, "node", "start", "--store", "kelpie://"+store.address, "--node-id", id, "--listen",
			"127.0.0.1:0", "--heartbeat", "100ms", "--lease-ttl", "1s", "--drain-timeout", "0")
	}
	a, b := start("n1"), start("n2")
	term := terminal{env: map[string]string{"KELPIE_ADDR": a.address}}
	term.run("cluster", "wait", "--nodes", "2").wants(t, cli.ExitOK)
	term.answers(t, "5", "counter/a", "add", "5")
	s, err := (&connection{addrs: []string{a.address}, timeout: timeoutDefault}).open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	source, ctx := newTopSource(s), context.Background()
	stats, err := source.Stats(ctx)
	if err != nil || len(stats.Nodes) != 2 || source.Via() != "n1" {
		t.Fatalf("via %s: %+v, %v", source.Via(), stats, err)
	}
	for _, action := range []tui.Action{
		{Verb: tui.Migrate, Actor: "counter/a", To: "n1"}, {Verb: tui.Evict, Actor: "counter/a"},
		{Verb: tui.Evict, Actor: "counter/a"}, {Verb: tui.Drain, Node: "n1"}, {Verb: tui.Undrain, Node: "n1"},
		{Verb: tui.BreakLease, Node: "n2"},
	} {
		if said, err := source.Do(ctx, action); err != nil || said == "" || strings.Contains(said, "\n") {
			t.Errorf("%+v: %q, %v", action, said, err)
		}
	}
	if _, err := source.Do(ctx, tui.Action{Verb: tui.Migrate, Actor: "counter/a", To: "n9"}); err == nil ||
		!strings.Contains(err.Error(), "n9") {
		t.Errorf("to a node that there is not: %v", err)
	}
	found, err := source.Find(ctx, "counter/", 10)
	if err != nil || len(found) != 1 || found[0].Actor != "counter/a" {
		t.Errorf("found %+v, %v", found, err)
	}
	a.signals <- os.Interrupt
	<-a.ended
	a.ended <- cli.ExitOK // for the end of the test
	eventually(t, func() bool { stats, err = source.Stats(ctx); return err == nil && source.Via() == "n2" })
	if _, err := source.Do(ctx, tui.Action{Verb: tui.BreakLease, Node: "n2"}); err != nil {
		t.Errorf("by the node that is left: %v", err)
	}
	b.signals <- os.Interrupt
	<-b.ended
	b.ended <- cli.ExitOK
	if _, err = source.Stats(ctx); err == nil || !strings.Contains(err.Error(), "no node answers: ") {
		t.Errorf("of nobody: %v", err)
	}
}
