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
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// store makes writes to the state of an actor whose first time that is due is at, as another node does that then
// leaves.
func store(t *testing.T, address string, id api.ActorID, at time.Time, writes ...registry.Write) {
	t.Helper()
	ctx := context.Background()
	store, err := host.OpenStore(ctx, "kelpie://"+address)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r := registry.New(env.Real(), store)
	m, err := r.Join(ctx, registry.JoinSpec{Node: registry.NodeInfo{ID: "before", Address: nowhere}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Acquire(ctx, m, id, []byte("x"), []byte("y"))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Claim.Commit(ctx, append(writes, got.Claim.MoveDue(0, at.UnixMilli())...)); err != nil {
		t.Fatal(err)
	}
	if err := got.Claim.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Leave(ctx, m); err != nil {
		t.Fatal(err)
	}
}

// storedAlarm is an alarm as the first version of the record has it.
func storedAlarm(t *testing.T, name, method string, due time.Time, every time.Duration, attempts int) registry.Write {
	t.Helper()
	request, err := actor.Marshal(5)
	if err != nil {
		t.Fatal(err)
	}
	b := api.AppendArrayHeader([]byte{1}, 9)
	b = api.AppendString(b, method)
	b = api.AppendInt(b, due.UnixMilli())
	b = api.AppendInt(b, int64(every))
	b = api.AppendString(b, "")
	b = api.AppendUint(b, uint64(attempts))
	b = api.AppendUint(b, uint64(attempts))
	b = api.AppendInt(b, 0)
	b = api.AppendString(b, "")
	b = api.AppendBytes(b, request)
	return registry.Write{Key: tuple.Pack("l", name), Value: b}
}

// TestAlarms shows the commands for what actors are going to do.
func TestAlarms(t *testing.T) {
	s := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": s.address}}
	term.run("alarms", "ls", "-o", "json").wants(t, cli.ExitOK, "[]")

	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	a, b := api.ActorID{Namespace: "counter", ID: "a"}, api.ActorID{Namespace: "counter", ID: "b"}
	gone := api.ActorID{Namespace: "gone", ID: "x"}
	store(t, s.address, a, soon, storedAlarm(t, "tea", "add", soon, time.Minute, 3),
		storedAlarm(t, "coffee", "add", soon, 0, 0))
	store(t, s.address, b, soon, storedAlarm(t, "tea", "add", soon, 0, 0))
	store(t, s.address, gone, past, storedAlarm(t, "late", "add", past, 0, 0))

	term.run("alarms", "ls").wants(t, cli.ExitOK, "ACTOR", "counter/a", "tea", "every 1m0s", "gone/x", "1h0m0")
	all := rows[api.AlarmRow](t, term.run("alarms", "ls", "-o", "json"))
	if len(all) != 4 || all[0].Alarm != "coffee" || all[1].Alarm != "tea" || all[1].Attempts != 3 ||
		all[1].OverdueMillis != 0 || all[1].RequestBytes != 1 || all[3].OverdueMillis < time.Hour.Milliseconds() {
		t.Errorf("listed %+v", all)
	}
	for line, want := range map[string]string{
		"--overdue":                       "gone/x late\n",
		"--limit 1":                       "counter/a coffee\n",
		"--limit 2":                       "counter/a coffee\ncounter/a tea\n",
		"--actor counter/a":               "counter/a coffee\ncounter/a tea\n",
		"--namespace gone":                "gone/x late\n",
		"--namespace counter --prefix b":  "counter/b tea\n",
		"--prefix x":                      "gone/x late\n",
		"--namespace counter --overdue":   "",
		"--actor counter/never":           "",
		"--sort alarm:desc --limit 1":     "counter/a tea\n",
		"--namespace counter --prefix ab": "",
	} {
		r := term.run(append([]string{"alarms", "ls", "-o", "name"}, strings.Fields(line)...)...)
		if r.code != cli.ExitOK || r.stdout != want {
			t.Errorf("%s: %+v, want %q", line, r, want)
		}
	}
	term.run("alarms", "get", "counter/a", "tea").wants(t, cli.ExitOK, "every 1m0s")
	term.run("alarms", "get", "counter/a", "milk").wants(t, cli.ExitNotFound, `no alarm "milk"`, "alarms ls")
	term.run("alarms", "get", "counter/never", "tea").wants(t, cli.ExitNotFound, "never called")

	term.run("alarms", "cancel", "counter/a", "tea").wants(t, cli.ExitRefused, "--yes")
	term.run("alarms", "cancel", "counter/a", "milk").wants(t, cli.ExitNotFound, `no alarm "milk"`)
	term.run("alarms", "cancel", "counter/a", "milk", "--yes").wants(t, cli.ExitNotFound, `no alarm "milk"`)
	term.run("alarms", "cancel", "counter/a", "tea", "--yes").wants(t, cli.ExitOK,
		`alarm "tea" of actor counter/a cancelled`)
	term.run("alarms", "cancel", "counter/a", "tea", "--yes").wants(t, cli.ExitNotFound, `no alarm "tea"`)
	if r := term.run("alarms", "ls", "--namespace", "counter", "-o",
		"name"); r.stdout != "counter/a coffee\ncounter/b tea\n" {
		t.Errorf("left are %+v", r)
	}
}

func TestAlarmsUsage(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"ls --limit -1", "--limit"},
		{"ls --namespace a/b", "namespace"},
		{"ls --actor counter", "NAMESPACE/ID"},
		{"ls --actor counter/a --namespace counter", "either --actor or --namespace"},
		{"ls --actor counter/a --prefix a", "either --actor or --prefix"},
		{"get counter/a", "NAME is missing"},
		{"get counter tea", "NAMESPACE/ID"},
		{"cancel", "ACTOR is missing"},
		{"cancel counter tea --yes", "NAMESPACE/ID"},
	} {
		t.Run(c.args, func(t *testing.T) {
			terminal{}.run(append([]string{"alarms"}, strings.Fields(c.args)...)...).wants(t, cli.ExitUsage, c.says)
		})
	}
	terminal{}.run("alarms", "cancel", "counter/a", "tea", "--yes", "--addr", nowhere).wants(
		t, cli.ExitUnavailable, nowhere)
}
