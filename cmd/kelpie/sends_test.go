// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// storedSend is a message as the first version of the record has it.
func storedSend(t *testing.T, number int64, target api.ActorID, method string, attempts int) registry.Write {
	t.Helper()
	request, err := actor.Marshal(5)
	if err != nil {
		t.Fatal(err)
	}
	b := api.AppendArrayHeader([]byte{1}, 7)
	b = api.AppendUint(b, uint64(number))
	b = api.AppendString(b, target.Namespace)
	b = api.AppendString(b, target.ID)
	b = api.AppendString(b, method)
	b = api.AppendInt(b, time.Now().Add(-time.Hour).UnixMilli())
	b = api.AppendUint(b, uint64(attempts))
	b = api.AppendBytes(b, request)
	return registry.Write{Key: tuple.Pack("o", number), Value: b}
}

// TestSends shows the commands for what actors have sent. No node hosts the targets.
func TestSends(t *testing.T) {
	s := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": s.address}}
	term.run("sends", "ls", "-o", "json").wants(t, cli.ExitOK, "[]")

	a, x, y := api.ActorID{Namespace: "counter", ID: "a"}, api.ActorID{Namespace: "gone", ID: "x"},
		api.ActorID{Namespace: "gone", ID: "y"}
	store(t, s.address, a, time.UnixMilli(registry.DueAtOnce), storedSend(t, 1, x, "add", 3),
		storedSend(t, 2, y, "add", 0), storedSend(t, 3, x, "add", 0), storedSend(t, 4, y, "add", 0))

	term.run("sends", "ls").wants(t, cli.ExitOK, "SEND", "counter/a#1", "gone/x", "1h0m0")
	all := rows[api.SendRow](t, term.run("sends", "ls", "-o", "json"))
	if len(all) != 4 || all[0].Target != "gone/x" || all[0].Attempts != 3 || all[1].Send != "counter/a#2" ||
		all[0].AgeMillis < time.Hour.Milliseconds() || all[0].RequestBytes != 1 {
		t.Errorf("listed %+v", all)
	}
	var detail actorDetail
	if err := json.Unmarshal([]byte(term.run("actors", "get", "counter/a", "-o", "json").stdout), &detail); err != nil {
		t.Fatal(err)
	}
	if detail.Sends != 4 || detail.OldestSend != all[0].Sent || detail.Alarms != 0 || detail.NextAlarm != "" {
		t.Errorf("told %+v", detail)
	}
	term.run("actors", "get", "counter/a").wants(t, cli.ExitOK, "SENDS", "OLDEST SEND", all[0].Sent)
	for line, want := range map[string]string{
		"--to gone/y":                  "counter/a#2\ncounter/a#4\n",
		"--actor counter/a --limit 3":  "counter/a#1\ncounter/a#2\ncounter/a#3\n",
		"--namespace kv":               "",
		"--prefix a --overdue":         "counter/a#1\ncounter/a#2\ncounter/a#3\ncounter/a#4\n",
		"--namespace counter --to z/z": "",
	} {
		r := term.run(append([]string{"sends", "ls", "-o", "name"}, strings.Fields(line)...)...)
		if r.code != cli.ExitOK || r.stdout != want {
			t.Errorf("%s: %+v, want %q", line, r, want)
		}
	}

	term.run("sends", "drop", "counter/a#1").wants(t, cli.ExitRefused, "--yes")
	term.run("sends", "drop", "counter/a#7").wants(t, cli.ExitNotFound, "no such message", "sends ls")
	term.run("sends", "drop", "counter/a#7", "--yes").wants(t, cli.ExitNotFound, "no such message")
	term.run("sends", "drop", "counter/a", "--to", "gone/z").wants(t, cli.ExitNotFound, "no such message")
	term.run("sends", "drop", "counter/never").wants(t, cli.ExitNotFound, "never called")
	term.run("sends", "drop", "counter/a#1", "--yes").wants(t, cli.ExitOK, "actor counter/a: 1 message dropped")
	term.run("sends", "drop", "counter/a", "--to", "gone/y", "--yes").wants(t, cli.ExitOK, "2 messages dropped")
	if r := term.run("sends", "ls", "-o", "name"); r.stdout != "counter/a#3\n" {
		t.Errorf("left are %+v", r)
	}
	term.run("sends", "drop", "counter/a", "--yes").wants(t, cli.ExitOK, "1 message dropped")
	term.run("sends", "ls", "-o", "json").wants(t, cli.ExitOK, "[]")
}

func TestSendsUsage(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"ls --limit -1", "--limit"},
		{"ls --actor counter/a --namespace counter", "either --actor or --namespace"},
		{"ls --to counter", "NAMESPACE/ID"},
		{"drop", "ACTOR[#NUMBER] is missing"},
		{"drop counter --yes", "NAMESPACE/ID"},
		{"drop counter/a#0 --yes", "ACTOR#NUMBER"},
		{"drop counter/a --to b --yes", "NAMESPACE/ID"},
	} {
		t.Run(c.args, func(t *testing.T) {
			terminal{}.run(append([]string{"sends"}, strings.Fields(c.args)...)...).wants(t, cli.ExitUsage, c.says)
		})
	}
}
