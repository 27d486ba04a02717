// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// bury stores dead letters of counter/a, as its node does after ten failures.
func bury(t *testing.T, address string, letters ...registry.DeadLetter) {
	t.Helper()
	ctx := context.Background()
	store, err := host.OpenStore(ctx, "kelpie://"+address)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r := registry.New(env.Real(), store)
	m, err := r.Join(ctx, registry.JoinSpec{Node: registry.NodeInfo{ID: "undertaker", Address: nowhere}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Acquire(ctx, m, api.ActorID{Namespace: "counter", ID: "a"}, []byte("x"), []byte("y"))
	if err != nil {
		t.Fatal(err)
	}
	var writes []registry.Write
	for i := range letters {
		letters[i].Number = uint64(i + 1)
		writes = append(writes, got.Claim.Bury(&letters[i])...)
	}
	if err := got.Claim.Commit(ctx, writes); err != nil {
		t.Fatal(err)
	}
	if err := r.Leave(ctx, m); err != nil {
		t.Fatal(err)
	}
}

// TestDeadLetters shows the commands for what actors could not do.
func TestDeadLetters(t *testing.T) {
	s := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": s.address}}
	term.run("actors", "dead-letters", "ls", "-o", "json").wants(t, cli.ExitOK, "[]")

	five, err := actor.Marshal(5)
	if err != nil {
		t.Fatal(err)
	}
	bury(t, s.address,
		registry.DeadLetter{Alarm: "tea", Target: api.ActorID{Namespace: "counter", ID: "a"}, Method: "add",
			Request: five, Bytes: len(five), Code: "application:overflow", Error: "too much", Attempts: 10, Died: 1e12},
		registry.DeadLetter{Target: api.ActorID{Namespace: "counter", ID: "b"}, Method: "add", Request: five,
			Origin: 7, Code: "internal", Attempts: 12},
		registry.DeadLetter{Target: api.ActorID{Namespace: "counter", ID: "c"}, Method: "add", Attempts: 10},
	)
	term.run("actors", "dead-letters", "ls").wants(t, cli.ExitOK, "LETTER", "counter/a#1", "alarm",
		"application:overflow", "2001-09-09", "counter/b")
	if got := term.run("actors", "dead-letters", "ls", "--limit", "2", "-o",
		"name").stdout; got != "counter/a#1\ncounter/a#2\n" {
		t.Errorf("listed %q", got)
	}
	all := rows[api.DeadLetterRow](t, term.run("actors", "dead-letters", "ls", "--actor", "counter/a", "-o", "json"))
	if len(all) != 3 || all[0].Alarm != "tea" || all[0].Error != "too much" || all[0].RequestBytes != len(five) ||
		all[1].Kind != "send" || all[1].Attempts != 12 {
		t.Errorf("listed %+v", all)
	}
	if none := rows[api.DeadLetterRow](
		t, term.run("actors", "dead-letters", "ls", "--namespace", "kv", "-o", "json")); len(none) != 0 {
		t.Errorf("listed %+v", none)
	}

	term.run("actors", "dead-letters", "retry", "counter/a#1", "counter/a#2").wants(t, cli.ExitOK,
		"dead letter counter/a#1 will be retried\n", "counter/a#2")
	for _, counter := range []string{"counter/a", "counter/b"} {
		eventually(t, func() bool { return term.run("actors", "call", counter, "get").stdout == "5\n" })
	}
	term.run("actors", "dead-letters", "retry", "counter/a#1").wants(t, cli.ExitNotFound, "no dead letter 1",
		"dead-letters ls")
	term.run("actors", "dead-letters", "rm", "counter/a#3").wants(t, cli.ExitRefused, "--yes")
	term.run("actors", "dead-letters", "rm", "counter/a#3", "--yes").wants(t, cli.ExitOK,
		"dead letter counter/a#3 removed")
	term.run("actors", "dead-letters", "rm", "counter/a#3", "--yes").wants(t, cli.ExitNotFound, "no dead letter 3")
	term.run("actors", "dead-letters", "ls", "-o", "json").wants(t, cli.ExitOK, "[]")
}

// eventually waits until something is so: nobody is told when a message has arrived.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to be so")
		}
	}
}

func TestDeadLettersUsage(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"ls --limit -1", "--limit"},
		{"ls --namespace a/b", "namespace"},
		{"ls --actor counter", "NAMESPACE/ID"},
		{"ls --actor counter/a --namespace counter", "either --actor or --namespace"},
		{"retry", "at least one"},
		{"retry counter/a", "ACTOR#NUMBER"},
		{"retry counter/a#x", "ACTOR#NUMBER"},
		{"rm counter#1 --yes", "NAMESPACE/ID"},
	} {
		t.Run(c.args, func(t *testing.T) {
			terminal{}.run(append([]string{"actors", "dead-letters"}, strings.Fields(c.args)...)...).wants(
				t, cli.ExitUsage, c.says)
		})
	}
	terminal{}.run("actors", "dead-letters", "rm", "counter/a#1", "--yes", "--addr", nowhere).wants(
		t, cli.ExitUnavailable, nowhere)
}
