// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// TestWhatIsNotThere shows that a command about something that is not there says so, with the exit code of that,
// before it asks whether it is meant, and that what is there still needs a confirmation.
func TestWhatIsNotThere(t *testing.T) {
	n := serve(t, "node", "start", "--node-id", "n1", "--listen", "127.0.0.1:0", "--store", "memory:")
	asked := terminal{env: map[string]string{"KELPIE_ADDR": n.address}}
	asked.run("actors", "call", "counter/there", "add", "1").wants(t, cli.ExitOK, "1\n")
	tty := terminal{env: asked.env, interactive: true, stdin: "y\n"}
	for line, says := range map[string]string{
		"actors get nosuch/a":                               `no namespace is named "nosuch"`,
		"actors get nosuch/a --state":                       `no namespace is named "nosuch"`,
		"actors get counter/never -o json":                  "counter/never was never called",
		"actors get counter/never --state":                  "counter/never was never called",
		"actors rm nosuch/a":                                `no namespace is named "nosuch"`,
		"actors rm counter/never":                           "counter/never was never called",
		"actors evict counter/never":                        "counter/never was never called",
		"actors evict nosuch/a":                             `no namespace is named "nosuch"`,
		"actors migrate counter/never":                      "counter/never was never called",
		"actors migrate nosuch/a --to n1":                   `no namespace is named "nosuch"`,
		"actors migrate counter/there --to nosuch":          `no node is named "nosuch"`,
		"actors migrate --from nosuch --all":                `no node is named "nosuch"`,
		"actors migrate --from n1 --to nosuch --all":        `no node is named "nosuch"`,
		"actors migrate --from n1 --namespace nosuch --all": `no namespace is named "nosuch"`,
		"actors dead-letters rm counter/there#7":            "counter/there has no dead letter 7",
		"alarms cancel counter/never x":                     "counter/never was never called",
		"alarms cancel nosuch/a x":                          `no namespace is named "nosuch"`,
		"sends drop counter/never":                          "counter/never was never called",
		"sends drop nosuch/a#4097":                          `no namespace is named "nosuch"`,
		"node rm nosuch":                                    `no node is named "nosuch"`,
		"node drain nosuch":                                 `no node is named "nosuch"`,
		"node drain n1 --to nosuch":                         `no node is named "nosuch"`,
		"node undrain nosuch":                               `no node is named "nosuch"`,
		"leases break nosuch":                               `no node is named "nosuch"`,
		"leases break --actor counter/never":                "counter/never was never called",
		"leases break --actor nosuch/a --dry-run":           `no namespace is named "nosuch"`,
	} {
		for _, term := range []terminal{asked, tty} {
			if r := term.run(strings.Fields(line)...); r.code != cli.ExitNotFound || r.stdout != "" ||
				!strings.HasPrefix(r.stderr, "error: ") || !strings.Contains(r.stderr, says) {
				t.Errorf("%s: %+v, want exit code %d and %q", line, r, cli.ExitNotFound, says)
			}
		}
		if !slices.ContainsFunc([]string{" rm ", "--all", " drain ", " cancel ", " drop "}, func(part string) bool {
			return strings.Contains(line, part)
		}) {
			continue // it has no --yes
		}
		if r := asked.run(append(strings.Fields(line), "--yes")...); r.code != cli.ExitNotFound ||
			!strings.Contains(r.stderr, says) {
			t.Errorf("%s --yes: %+v, want %q", line, r, says)
		}
	}
	// No question has made the actor.
	asked.run("actors", "get", "counter/never").wants(t, cli.ExitNotFound, "was never called")
	for _, line := range []string{"actors rm counter/there", "actors migrate --from n1 --all", "node drain n1",
		"leases break n1", "leases break --actor counter/there", "node rm n1"} {
		asked.run(strings.Fields(line)...).wants(t, cli.ExitRefused, "--yes")
	}
	if r := asked.run("actors", "ls", "-o", "name", "--all"); r.stdout != "counter/there\n" {
		t.Errorf("something was made by asking for it: %+v", r)
	}
}

// TestHelpOfWhatIsNotThere shows that the help of an unknown command is a mistake, and that of a known one is not.
func TestHelpOfWhatIsNotThere(t *testing.T) {
	for _, line := range []string{"foo --help", "foo -h", "--help foo", "node foo --help", "actors dead-letters x -h"} {
		terminal{}.run(strings.Fields(line)...).wants(t, cli.ExitUsage, "unknown command")
	}
	for _, line := range []string{"--help", "node --help", "node ls --help", "actors dead-letters -h"} {
		terminal{}.run(strings.Fields(line)...).wants(t, cli.ExitOK, "Usage:")
	}
}

// TestConfigVariableNamesAFile shows that a file of contexts that KELPIE_CONFIG names must be there, but for the
// command that makes it, and that ~ in it is the home directory.
func TestConfigVariableNamesAFile(t *testing.T) {
	home := t.TempDir()
	term := terminal{env: map[string]string{"HOME": home, "KELPIE_CONFIG": "~/conf/k.yaml", "KELPIE_ADDR": nowhere}}
	for _, line := range []string{"node ls", "config show", "context ls", "context use a", "context rm a --yes",
		"actors call counter/a get"} {
		term.run(strings.Fields(line)...).wants(t, cli.ExitUsage, "$KELPIE_CONFIG names "+home+"/conf/k.yaml, which "+
			"does not exist", "kelpie context add")
	}
	term.run("context", "add", "a", "--addr", "h:1").wants(t, cli.ExitOK, "context a added")
	term.run("context", "ls").wants(t, cli.ExitOK, "h:1")
	if _, err := os.Stat(filepath.Join(home, "conf", "k.yaml")); err != nil {
		t.Error(err)
	}
	delete(term.env, "KELPIE_CONFIG")
	term.run("context", "ls").wants(t, cli.ExitOK, "CONTEXT")
	term.env["KELPIE_CONFIG"] = "~other/k.yaml"
	term.run("context", "ls").wants(t, cli.ExitUsage, "~other is not expanded")
}

// TestEveryContextIsChecked shows that what is wrong in a context is said with its line, whichever is current.
func TestEveryContextIsChecked(t *testing.T) {
	for value, says := range map[string]string{
		"addr: [h:1, h]": `:5 (context b): addr: "h": write HOST:PORT`,
		"addr: ['h:0']":  `:5 (context b): addr: "h:0": no one can connect`,
		"addr: h:port":   `:5 (context b): addr: "h:port": "port" is not a port`,
		"timeout: 0s":    ":5 (context b): timeout: 0s: must be positive",
		"timeout: -1s":   ":5 (context b): timeout: -1s: must be positive",
		"addr: []":       ":5 (context b): addr: pass the address of at least one node",
	} {
		term, path := configured(t, "current: a\ncontexts:\n  a: {addr: h:1}\n  b:\n    "+value+"\n")
		for _, line := range []string{"context ls", "node ls", "node ls --context a", "config show"} {
			term.run(strings.Fields(line)...).wants(t, cli.ExitUsage, path+says)
		}
	}
}

// TestPathsBelowHome shows that ~ in the paths of files and variables is the home directory.
func TestPathsBelowHome(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "node.yaml")
	if err := os.WriteFile(path, []byte("node-id: n\ndata-dir: ~/data\nstore: pebble:~/store\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	term := terminal{env: map[string]string{"HOME": home, "KELPIE_NODE_CONFIG": "~/node.yaml"}}
	shown := shownSettings(t, term)
	for setting, want := range map[string]string{"data-dir": home + "/data", "store": "pebble:" + home + "/store",
		"config": path} {
		if got := shown[setting].Value; got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
	term.env["KELPIE_DATA_DIR"] = "~other/x"
	term.run("config", "show", "--node").wants(t, cli.ExitUsage, "$KELPIE_DATA_DIR", "~other is not expanded")
	term.run("store", "scan", "--store", "pebble:~/none").wants(t, cli.ExitNotFound, home+"/none")
}

func shownSettings(t *testing.T, term terminal, args ...string) map[string]settingRow {
	t.Helper()
	shown := make(map[string]settingRow)
	for _, row := range rows[settingRow](t, term.run(append([]string{"config", "show", "--node", "-o", "json"},
		args...)...)) {
		shown[row.Setting] = row
	}
	return shown
}

// TestRealDefaults shows that "config show --node" tells what a node would start with, where nothing is said.
func TestRealDefaults(t *testing.T) {
	home := t.TempDir()
	term := terminal{env: map[string]string{"HOME": home}}
	shown := shownSettings(t, term)
	dir := home + "/.local/share/kelpie/7600"
	for setting, want := range map[string]string{
		"data-dir": dir, "store": "pebble:" + dir, "lease-ttl": "5s", "heartbeat": "1s", "listen": "127.0.0.1:7600",
		"advertise": "127.0.0.1:7600",
	} {
		if got := shown[setting]; got.Value != want || got.Source != "default" {
			t.Errorf("%s is %+v, want %s", setting, got, want)
		}
	}
	if id := shown["node-id"].Value; !strings.HasSuffix(id, "-7600") {
		t.Errorf("node-id is %q", id)
	}
	term.env["KELPIE_LEASE_TTL"], term.env["KELPIE_LISTEN"] = "1500ms", ":7700"
	shown = shownSettings(t, term)
	if got := shown["heartbeat"].Value; got != "500ms" {
		t.Errorf("heartbeat is %s with a lease of 1.5s", got)
	}
	if got := shown["advertise"].Value; !strings.HasSuffix(got, ":7700") || got == ":7700" {
		t.Errorf("advertise is %s", got)
	}
	// What the node remembers goes before what a first start would choose.
	kept := filepath.Join(home, "kept")
	if err := os.Mkdir(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	content := []byte(`{"node":"old","cluster_id":"c","store":"kelpie://h:1"}`)
	if err := os.WriteFile(filepath.Join(kept, "node.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	term.env["KELPIE_DATA_DIR"] = kept
	shown = shownSettings(t, term)
	if shown["node-id"].Value != "old" || shown["store"].Value != "kelpie://h:1" ||
		shown["store"].From != filepath.Join(kept, "node.json") {
		t.Errorf("remembered: %+v, %+v", shown["node-id"], shown["store"])
	}
}

// TestVersionAsJSON shows that the version can be read by programs.
func TestVersionAsJSON(t *testing.T) {
	var v map[string]any
	r := terminal{}.run("version", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || v["version"] == "" || v["protocol"] == nil {
		t.Errorf("%+v: %v", r, err)
	}
}
