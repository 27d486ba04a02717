// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// twoNodes starts a cluster of two and returns a terminal that asks either.
func twoNodes(t *testing.T) (first, second terminal) {
	t.Helper()
	a := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0", "--heartbeat",
		"100ms", "--lease-ttl", "1s")
	b := serve(t, "node", "start", "--join", a.address, "--node-id", "n2", "--listen", "127.0.0.1:0")
	first = terminal{env: map[string]string{"KELPIE_ADDR": a.address}}
	second = terminal{env: map[string]string{"KELPIE_ADDR": b.address}}
	first.run("cluster", "wait", "--nodes", "2").wants(t, cli.ExitOK, "2 nodes active")
	return first, second
}

// answers wants the JSON that a call of an actor prints.
func (term terminal) answers(t *testing.T, want string, args ...string) {
	t.Helper()
	r := term.run(append([]string{"actors", "call"}, args...)...)
	if r.code != cli.ExitOK || r.stdout != want+"\n" || r.stderr != "" {
		t.Errorf("%v: %+v, want %s", args, r, want)
	}
}

// TestActors shows the life of actors by the commands for them, asked at either node.
func TestActors(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	second.answers(t, "3", "counter/a", "add", "-2")
	first.answers(t, "3", "--timeout", "10s", "counter/a", "get")
	second.answers(t, "9223372036854775807", "counter/b", "add", "9223372036854775807")
	terminal{stdin: "7", env: first.env}.answers(t, "7", "counter/c", "add", "-")

	value := `{"big":18446744073709551615,"list":[1,-1,0.5,null,true],"text":"é<>"}`
	first.answers(t, "null", "kv/x", "put", `{"key":"k/1","value":`+value+`}`)
	first.answers(t, "null", "kv/x", "put", `{"key":"k/2","value":2}`)
	first.answers(t, "null", "kv/x", "put", `{"key":"other","value":3}`)
	second.answers(t, value, "kv/x", "get", `"k/1"`)
	second.answers(t, `[{"key":"k/1","value":`+value+`},{"key":"k/2","value":2}]`, "kv/x", "list", `{"prefix":"k/"}`)
	second.answers(t, `[{"key":"k/1","value":`+value+`}]`, "kv/x", "list", `{"limit":1}`)
	first.answers(t, "null", "kv/x", "delete", `"k/1"`)
	second.answers(t, "null", "kv/x", "get", `"k/1"`)
	second.answers(t, value, "echo/any", "echo", value)

	actors := rows[api.ActorRow](t, first.run("actors", "ls", "-o", "json"))
	var names []string
	for _, row := range actors {
		names = append(names, row.Actor)
		if row.State != "owned" || row.Token != 1 || row.Node != "n1" && row.Node != "n2" {
			t.Errorf("row %+v", row)
		}
	}
	if got := strings.Join(names, " "); got != "counter/a counter/b counter/c echo/any kv/x" {
		t.Errorf("listed %s", got)
	}
	if got := second.run("actors", "ls", "-o", "name", "--namespace", "counter", "--limit",
		"2").stdout; got != "counter/a\ncounter/b\n" {
		t.Errorf("listed %q", got)
	}
	owner := actors[0].Node
	for _, row := range rows[api.ActorRow](t, first.run("actors", "ls", "-o", "json", "--node", owner)) {
		if row.Node != owner {
			t.Errorf("listed %+v as %s's", row, owner)
		}
	}
	first.run("actors", "get", "counter/a").wants(t, cli.ExitOK, "counter/a", owner, "owned")
	first.run("actors", "get", "counter/never", "-o", "yaml").wants(t, cli.ExitNotFound, "was never called")

	first.run("actors", "rm", "counter/a", "--yes").wants(t, cli.ExitOK, "state of actor counter/a deleted")
	second.answers(t, "0", "counter/a", "get")
}

// TestActorErrors shows what callers are told, and what scripts see by the exit code.
func TestActorErrors(t *testing.T) {
	first, second := twoNodes(t)
	for _, term := range []terminal{first, second} {
		for _, actor := range []string{"a", "b", "c", "d"} { // some are at either node
			counter := "counter/" + actor
			term.run("actors", "call", "nosuch/"+actor, "get").wants(t, cli.ExitNotFound, "nosuch", "namespaces ls")
			term.run("actors", "call", counter, "nosuch").wants(t, cli.ExitNotFound, "counter", "nosuch")
			term.run("actors", "call", counter, "add", `"five"`).wants(t, cli.ExitUsage,
				"add wants a whole number, got a string")
			term.run("actors", "call", counter, "add").wants(t, cli.ExitUsage, "add wants a whole number, got no "+
				"request", "kelpie actors call "+counter+" add JSON")
			term.run("actors", "call", "kv/"+actor, "list", `{"limit":-1}`).wants(t, cli.ExitApplication, "limit: ",
				"must be from 1 to 1000")
		}
	}
	first.answers(t, "9223372036854775807", "counter/a", "add", "9223372036854775807")
	second.run("actors", "call", "counter/a", "add", "1").wants(t, cli.ExitApplication, "overflow: ")
	first.answers(t, "9223372036854775807", "counter/a", "get")
}

// TestSteering shows the commands that look into a cluster and take leases and claims away.
func TestSteering(t *testing.T) {
	first, second := twoNodes(t)
	nodes := rows[api.NodeRow](t, second.run("node", "ls", "-o", "json"))
	if len(nodes) != 2 || nodes[0].Node != "n1" || nodes[1].Node != "n2" || nodes[0].State != "active" ||
		strings.Join(nodes[1].Namespaces, " ") != "cache counter echo kv" {
		t.Errorf("nodes %+v", nodes)
	}
	first.run("node", "ls", "-o", "wide").wants(t, cli.ExitOK, "INCARNATION", nodes[0].Incarnation,
		"cache,counter,echo,kv")
	if got := first.run("namespaces", "ls", "-o", "name").stdout; got != "cache\ncounter\necho\nkv\n" {
		t.Errorf("namespaces %q", got)
	}
	leases := rows[api.LeaseRow](t, first.run("leases", "ls", "-o", "json"))
	if len(leases) != 2 || leases[1].Node != "n2" || leases[1].Incarnation != nodes[1].Incarnation {
		t.Errorf("leases %+v", leases)
	}

	first.answers(t, "1", "counter/a", "add", "1")
	first.run("leases", "break", "--actor", "counter/a", "--yes").wants(t, cli.ExitOK,
		"actor counter/a taken from node n", "token 2")
	first.run("leases", "break", "--actor", "counter/never", "--yes").wants(t, cli.ExitNotFound,
		"counter/never was never called")
	second.answers(t, "2", "counter/a", "add", "1")
	first.run("leases", "break", "n2", "--yes").wants(t, cli.ExitOK, "lease of node n2 broken, epoch 2")
	first.run("leases", "break", "n3", "--yes").wants(t, cli.ExitNotFound, `"n3"`, "node ls")
	first.run("cluster", "wait", "--nodes", "2").wants(t, cli.ExitOK, "2 nodes active") // it has joined again
	first.answers(t, "3", "counter/a", "add", "1")
	first.run("cluster", "wait", "--nodes", "3", "--timeout", "1s").wants(t, cli.ExitUnavailable,
		"only 2 nodes of 3 active after 1s")
}

// TestStoreCommands shows the store as people see it, by way of a node and past it.
func TestStoreCommands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := serve(t, "store", "serve", "--store", "pebble:"+dir, "--listen", "127.0.0.1:0")
	n := serve(t, "node", "start", "--store", "kelpie://"+s.address, "--node-id", "n1", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": n.address}}
	term.answers(t, "5", "counter/a", "add", "5")
	term.answers(t, "null", "kv/x", "put", `{"key":"a/b","value":[1,"two"]}`)

	for _, at := range [][]string{nil, {"--store", "kelpie://" + s.address}} {
		scan := func(args ...string) string {
			return term.run(append(append([]string{"store", "scan"}, at...), args...)...).stdout
		}
		client := regexp.MustCompile("#x[0-9a-f]{32}")
		if got := client.ReplaceAllString(scan("-o", "name", "state"),
			"CLIENT"); got != "state/counter/a/r/CLIENT/#1\nstate/counter/a/s/#0\nstate/kv/x/k/a%2Fb\n"+
			"state/kv/x/r/CLIENT/#1\n" {
			t.Errorf("%v: keys %q", at, got)
		}
		record := regexp.MustCompile(`"value":\["0x[0-9a-f]{32}",[0-9]+,1,1,"0x05",0,0,"",""\]`)
		if got := scan("-o", "json", `["state","counter","a","r"]`); !record.MatchString(got) {
			t.Errorf("%v: records %s", at, got)
		}
		if got := scan("-o", "json", `["state","counter","a","s"]`) +
			scan("-o", "json", `["state","kv","x","k"]`); got != `[
{"key":"state/counter/a/s/#0","value":{"n":5},"bytes":13}
]
[
{"key":"state/kv/x/k/a%2Fb","value":[1,"two"],"bytes":6}
]
` {
			t.Errorf("%v: pairs %s", at, got)
		}
		if got := scan("-o", "name", "--limit", "2", "ns"); got != "ns/cache\nns/counter\n" {
			t.Errorf("%v: keys %q", at, got)
		}
		get := term.run(append([]string{"store", "get", "-o", "json", "claim/counter/a"}, at...)...)
		var row struct {
			Key   string
			Value struct {
				Node  string
				Token uint64
			}
		}
		if err := json.Unmarshal([]byte(get.stdout), &row); err != nil || row.Key != "claim/counter/a" ||
			row.Value.Node != "n1" || row.Value.Token != 1 {
			t.Errorf("%v: claim %s%s (%v)", at, get.stdout, get.stderr, err)
		}
		term.run(append([]string{"store", "get", "no/such"}, at...)...).wants(t, cli.ExitNotFound, "no/such",
			"store scan")
	}
	term.run("store", "scan").wants(t, cli.ExitOK, "KEY ", "meta ", "membership ", "fence/n1 ", "beat/n1 ")
	term.run("store", "get", "meta", "--store", "pebble:"+dir).wants(t, cli.ExitRefused, "in use by another process")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	term.run("store", "get", "meta", "--store", "pebble:"+file).wants(t, cli.ExitRefused, file)
}
