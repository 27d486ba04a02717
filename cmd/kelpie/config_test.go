// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// TestConfigShow shows that every setting of the client is shown with where it is from.
func TestConfigShow(t *testing.T) {
	term, path := configured(t, "current: prod\ncontexts:\n  prod:\n    addr: [h:1, h:2]\n    timeout: 7s\n    "+
		"output: json\n")
	term.env["KELPIE_TIMEOUT"], term.env["NO_COLOR"] = "8s", "1"
	all := rows[settingRow](t, term.run("config", "show", "--addr", "x:1,y:2"))
	want := []settingRow{
		{"config", path, "variable", "$KELPIE_CONFIG"},
		{"context", "prod", "file", path + ":1"},
		{"addr", "x:1,y:2", "flag", "--addr"},
		{"timeout", "8s", "variable", "$KELPIE_TIMEOUT"},
		{"output", "json", "file", path + ":6 (context prod)"},
		{"no-color", "true", "variable", "$NO_COLOR"},
	}
	for i, row := range all {
		if i >= len(want) || row != want[i] {
			t.Errorf("row %d is %+v", i, row)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d rows", len(all))
	}
	term.run("config", "show", "-o", "name").wants(t, cli.ExitOK, "config\ncontext\naddr\ntimeout\noutput\nno-color\n")
	terminal{}.run("config", "show", "-o", "wide").wants(t, cli.ExitOK, "SETTING    VALUE            SOURCE    FROM",
		"addr       127.0.0.1:7600   default   default", "config     -                default   default")
	terminal{}.run("config", "show", "--config", "x").wants(t, cli.ExitUsage, "--config needs --node", "KELPIE_CONFIG")
	terminal{}.run("config", "show", "x").wants(t, cli.ExitUsage, "unexpected argument")
	term.run("config", "show", "--context", "no").wants(t, cli.ExitNotFound, `no context is named "no"`)
}

// TestConfigShowNode shows that the settings of a node are shown, and checked, without a node.
func TestConfigShowNode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.yaml")
	write := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("listen: 127.0.0.1:1\njoin: [a:1, b:2]\ncapacity: 7\n")
	home := map[string]string{"HOME": t.TempDir()}
	term := terminal{env: map[string]string{"HOME": home["HOME"], "KELPIE_CAPACITY": "8", "KELPIE_NODE_CONFIG": path}}
	shown := make(map[string]settingRow)
	for _, row := range rows[settingRow](t, term.run("config", "show", "--node", "-o", "json")) {
		shown[row.Setting] = row
	}
	for _, want := range []settingRow{
		{"listen", "127.0.0.1:1", "file", path + ":1"},
		{"join", "a:1,b:2", "file", path + ":2"},
		{"capacity", "8", "variable", "$KELPIE_CAPACITY"},
		{"drain-timeout", "30s", "default", "default"},
		{"config", path, "variable", "$KELPIE_NODE_CONFIG"},
	} {
		if got := shown[want.Setting]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	terminal{env: home}.run("config", "show", "--node", "--config", path).wants(t, cli.ExitOK,
		"capacity                      7 ",
		path+":3\n", "config                        "+path+" ", "   --config\n")
	terminal{}.run("config", "show", "--node", "--config", path).wants(t, cli.ExitUsage, "pass --data-dir")
	write("listen: 127.0.0.1\n")
	for _, args := range [][]string{{"config", "show", "--node", "--config", path},
		{"node", "start", "--config", path}} {
		terminal{}.run(args...).wants(t, cli.ExitUsage, path+`:1: listen: "127.0.0.1": write HOST:PORT`)
	}
	write("store: kelpie://h:1\n")
	terminal{}.run("store", "serve", "--config", path).wants(t, cli.ExitUsage,
		path+`:1: store: kelpie://h:1 is already networked`)
	write("log-level: warn\nzone: eu\n")
	terminal{env: map[string]string{"KELPIE_SERVE_CONFIG": path}}.run("store", "serve").wants(t, cli.ExitUsage,
		path+`:2: unknown key "zone"`)
}

// TestNodeStartsFromItsFile shows that a node serves with what a file says alone.
func TestNodeStartsFromItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(path, []byte("node-id: from-file\nlisten: 127.0.0.1:0\nstore: \"memory:\"\nzone: eu\n"+
		"label: [disk=ssd]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := serve(t, "node", "start", "--config", path, "--zone", "us")
	terminal{}.run("node", "ls", "-o", "json", "--addr", n.address).wants(t, cli.ExitOK, `"node":"from-file"`,
		`"zone":"us"`, `"labels":["disk=ssd"]`)
}

// yamlBlock matches the examples of a document.
var yamlBlock = regexp.MustCompile("(?s)```yaml\n# (config|node|store).yaml\n(.*?)```")

// TestDocumentedConfiguration shows that the examples in docs/configuration.md are what they say: files that are
// accepted, with every key that there is.
func TestDocumentedConfiguration(t *testing.T) {
	examples := make(map[string]string)
	for _, block := range yamlBlock.FindAllStringSubmatch(
		readText(t, filepath.Join(repository, "docs", "configuration.md")), -1) {
		path := filepath.Join(t.TempDir(), block[1]+".yaml")
		if err := os.WriteFile(path, []byte(block[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		examples[block[1]] = path
	}
	client := rows[settingRow](t, terminal{env: map[string]string{"KELPIE_CONFIG": examples["config"]}}.run(
		"config", "show", "-o", "json"))
	node := rows[settingRow](t, terminal{env: map[string]string{"KELPIE_NODE_CONFIG": examples["node"]}}.run(
		"config", "show", "--node", "-o", "json"))
	for _, row := range append(client, node...) {
		if row.Source != cli.FromFile && row.Setting != "config" && row.Setting != "output" {
			t.Errorf("the example has no %s: it is from %s", row.Setting, row.From)
		}
	}
	// A store has no command that shows its settings: it gets as far as the one that is wrong.
	r := terminal{env: map[string]string{"KELPIE_SERVE_CONFIG": examples["store"]}}.run("store", "serve",
		"--log-level", "loud")
	r.wants(t, cli.ExitUsage, "--log-level")
}
