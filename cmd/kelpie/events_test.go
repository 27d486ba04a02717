// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func TestEvents(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	owner := rows[api.ActorRow](t, first.run("actors", "ls", "-o", "json"))[0].Node
	to := map[string]string{"n1": "n2", "n2": "n1"}[owner]
	first.run("actors", "migrate", "counter/a", "--to", to).wants(t, cli.ExitOK)
	migrated := func() []api.Event {
		return rows[api.Event](t, second.run("events", "-o", "json", "--kind", api.EventMigrated))
	}
	var found []api.Event
	eventually(t, func() bool { found = migrated(); return len(found) > 0 })
	if e := found[0]; len(found) != 1 || e.Actor != "counter/a" || e.From != owner || e.To != to || e.Count != 1 ||
		!strings.Contains(e.Cause, "operator") {
		t.Errorf("the move is told as %+v", found)
	}
	second.run("events").wants(t, cli.ExitOK, "TIME", "CAUSE", "joined", "migrated", "counter/a", "127.0.0.1:")
	first.run("events", "--node", "n2", "--kind", "joined", "-o", "name").wants(t, cli.ExitOK, "#")
	if r := first.run("events", "--actor", "counter/other", "-o", "json"); r.stdout != "[]\n" {
		t.Errorf("of an actor that nothing happened to: %+v", r)
	}
	if r := first.run("events", "--limit", "1", "-o", "name"); strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("one: %+v", r)
	}
	first.run("events", "--kind", "born").wants(t, cli.ExitUsage, "--kind born", "taken_over")
	first.run("events", "--limit", "-1").wants(t, cli.ExitUsage, "--limit -1")
	first.run("events", "--actor", "a").wants(t, cli.ExitUsage, "NAMESPACE/ID")
	terminal{env: map[string]string{"KELPIE_ADDR": "127.0.0.1:1"}}.run("events").wants(t, cli.ExitUnavailable,
		"127.0.0.1:1")
}

// TestEventsAreFollowed shows that events come once each, a line of JSON each.
func TestEventsAreFollowed(t *testing.T) {
	first, _ := twoNodes(t)
	var stderr strings.Builder
	lines, stdout := io.Pipe()
	signals, ended := make(chan os.Signal, 1), make(chan int, 1)
	k := &kelpie{
		Process: cli.Process{
			Stdin: strings.NewReader(""), Stdout: stdout, Stderr: &stderr,
			Getenv:  func(name string) string { return first.env[name] },
			Signals: func() (<-chan os.Signal, func()) { return signals, func() {} },
		},
		isTerminal: func(any) bool { return false },
	}
	go func() { ended <- k.run([]string{"events", "--watch", "-o", "json"}); stdout.Close() }()
	seen := make(map[string]int)
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		var e api.Event
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatalf("%v in %q", err, scanner.Text())
		}
		seen[e.Kind+" "+e.Node]++
		switch { // the past, then what happens, then the end
		case len(seen) == 2 && seen["joined n1"] == 1 && seen["joined n2"] == 1:
			first.run("leases", "break", "n2", "--yes").wants(t, cli.ExitOK)
		case seen["joined n2"] == 2 && seen["lease_lost n2"] == 1:
			signals <- os.Interrupt
		}
	}
	if code := <-ended; code != cli.ExitOK || stderr.Len() > 0 || seen["joined n1"] != 1 || seen["joined n2"] != 2 ||
		seen["lease_broken n2"] != 1 || seen["lease_lost n2"] != 1 {
		t.Errorf("%d, seen %v: %s", code, seen, stderr.String())
	}
}

func TestActorGet(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	first.answers(t, "null", "kv/x", "put", `{"key":"k","value":[1,"<"]}`)
	second.run("actors", "get", "counter/a").wants(t, cli.ExitOK, "counter/a", "owned", "CALLS/S", "STORED", "LATENCY")
	for _, via := range []terminal{first, second} {
		var d actorDetail
		if err := json.Unmarshal([]byte(via.run("actors", "get", "counter/a", "-o", "json").stdout), &d); err != nil {
			t.Fatal(err)
		}
		if !d.Active || d.Calls != 1 || d.Pending != 0 || d.Rate <= 0 || d.StateBytes <= 0 || d.Token != 1 ||
			d.AgeMillis < 0 {
			t.Errorf("counter/a is %+v", d)
		}
	}
	for actor, want := range map[string]string{
		"counter/a": `{"struct":{"n":5},"space":{}}`, "kv/x": `{"struct":null,"space":{"k":[1,"<"]}}`,
	} {
		if r := second.run("actors", "get", actor, "--state"); r.code != cli.ExitOK || r.stdout != want+"\n" ||
			r.stderr != "" {
			t.Errorf("state of %s: %+v, want %s", actor, r, want)
		}
	}
	first.run("actors", "get", "kv/never").wants(t, cli.ExitNotFound, "kv/never was never called")
	first.run("actors", "get", "kv").wants(t, cli.ExitUsage, "NAMESPACE/ID")
}
