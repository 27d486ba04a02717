// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// configured returns a terminal whose configuration file has the content, and the file's path.
func configured(t *testing.T, content string) (term terminal, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return terminal{env: map[string]string{"KELPIE_CONFIG": path}}, path
}

func readText(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestContexts shows the life of contexts, from no file to none that is current, without a cluster.
func TestContexts(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "kelpie", "config.yaml")
	term := terminal{env: map[string]string{"XDG_CONFIG_HOME": home, "KELPIE_ADDR": nowhere}}
	term.run("context", "ls").wants(t, cli.ExitOK, "CONTEXT   CURRENT   ADDR")
	term.run("context", "add", "prod", "--addr", "a:1,b:2", "--timeout", "90s", "-o", "wide", "--no-color").wants(
		t, cli.ExitOK, "context prod added\n")
	term.run("context", "add", "test", "--addr", "c:3", "--use").wants(t, cli.ExitOK,
		"context test added and made current")
	term.run("context", "add", "prod", "--addr", "c:3").wants(t, cli.ExitRefused, "context prod is already in "+path,
		"context rm prod")
	want := `contexts:
  prod:
    addr:
      - a:1
      - b:2
    no-color: true
    output: wide
    timeout: 1m30s
  test:
    addr:
      - c:3
current: test
`
	if got := readText(t, path); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	all := rows[contextRow](t, term.run("context", "ls", "-o", "json"))
	if len(all) != 2 || all[0].Context != "prod" || all[0].Current || all[0].Timeout != "1m30s" ||
		all[0].Output != "wide" || !all[0].NoColor || !all[1].Current || !slices.Equal(all[1].Addr, []string{"c:3"}) {
		t.Errorf("rows %+v", all)
	}
	term.run("context", "ls").wants(t, cli.ExitOK, "prod      -         a:1,b:2   1m30s",
		"test      *         c:3       -")
	term.run("context", "ls", "-o", "name").wants(t, cli.ExitOK, "prod\ntest\n")
	term.run("context", "ls", "-o", "yaml").wants(t, cli.ExitOK, "- context: prod\n")
	term.run("context", "use", "prod").wants(t, cli.ExitOK, "context prod is now current")
	term.run("__complete", "context", "use", "").wants(t, cli.ExitOK, "prod\ta:1,b:2\ntest\tc:3\n")
	term.run("__complete", "node", "ls", "--context", "").wants(t, cli.ExitOK, "prod\ta:1,b:2\ntest\tc:3\n")

	term.run("context", "rm", "prod").wants(t, cli.ExitRefused, "--yes")
	asked := terminal{env: term.env, interactive: true, stdin: "n\n"}.run("context", "rm", "prod")
	if asked.code != cli.ExitRefused ||
		!strings.Contains(asked.stderr, "Remove context prod, the current one? [y/N]") {
		t.Errorf("%+v", asked)
	}
	term.run("context", "rm", "prod", "--yes").wants(t, cli.ExitOK,
		"context prod removed; no context is current now")
	term.run("context", "rm", "test", "--yes").wants(t, cli.ExitOK, "context test removed\n")
	term.run("context", "rm", "test", "--yes").wants(t, cli.ExitNotFound, `no context is named "test"`, path,
		"context ls")
	term.run("context", "ls", "-o", "json").wants(t, cli.ExitOK, "[]\n")
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

// TestContextEditsKeepTheRest shows that what people wrote beside the contexts stays, also behind a symbolic link.
func TestContextEditsKeepTheRest(t *testing.T) {
	term, path := configured(t, "# mine\ncurrent: a # for now\ncontexts:\n  # the first\n  a:\n    addr: h:1\n")
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	term.env["KELPIE_CONFIG"] = link
	term.run("context", "add", "b", "--addr", "h:2", "--use").wants(t, cli.ExitOK, "added")
	want := "# mine\ncurrent: b # for now\ncontexts:\n  # the first\n  a:\n    addr: h:1\n  b:\n    addr:\n      - " +
		"h:2\n"
	if got := readText(t, path); got != want {
		t.Errorf("the file is\n%s", got)
	}
}

// TestContextIsFollowed tests which address a command uses: flag, context that a flag names, variable, another
// context, default, in this order.
func TestContextIsFollowed(t *testing.T) {
	found := func(name string) string {
		return node(t, api.MethodNodes, func(*api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: []api.NodeRow{{Node: name}}}, nil
		})
	}
	byFlag, byVariable, byContext, byCurrent := found("flag"), found("variable"), found("context"), found("current")
	term, _ := configured(t, "current: here\ncontexts:\n  here:\n    addr: ["+nowhere+", "+byCurrent+
		"]\n    output: name\n  there:\n    addr: "+byContext+"\n    output: yaml\n")
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{nil, nil, "current\n"},
		{map[string]string{"KELPIE_CONTEXT": "there"}, nil, "- node: context\n"},
		{map[string]string{"KELPIE_CONTEXT": "no"}, []string{"--context", "there"}, "- node: context\n"},
		{map[string]string{"KELPIE_CONTEXT": "there"}, []string{"-o", "name"}, "context\n"},
		{map[string]string{"KELPIE_ADDR": byVariable}, nil, "variable\n"},
		{map[string]string{"KELPIE_ADDR": byVariable, "KELPIE_OUTPUT": "name"}, []string{"--context", "there"},
			"- node: context\n"},
		{map[string]string{"KELPIE_ADDR": byVariable, "KELPIE_OUTPUT": "name", "KELPIE_CONTEXT": "there"}, nil,
			"variable\n"},
		{map[string]string{"KELPIE_ADDR": byVariable}, []string{"--addr", byFlag}, "flag\n"},
	} {
		env := map[string]string{"KELPIE_CONFIG": term.env["KELPIE_CONFIG"]}
		for name, value := range c.env {
			env[name] = value
		}
		r := terminal{env: env}.run(append([]string{"node", "ls"}, c.args...)...)
		if r.code != cli.ExitOK || !strings.HasPrefix(r.stdout, c.want) {
			t.Errorf("%v %v: %+v, want %q", c.env, c.args, r, c.want)
		}
	}
	// Its --timeout is of something else than a context's, which would have it fail at once.
	term, _ = configured(t, "current: here\ncontexts:\n  here:\n    addr: "+nowhere+"\n    timeout: 7s\n")
	if takesContext(new(kelpie).nodeDrain().Flags().Lookup("timeout")) {
		t.Error("the limit of a drain is taken from a context")
	}
	terminal{env: term.env, interactive: true, stdin: "y\n"}.run("node", "drain", "n", "--to", "m").wants(
		t, cli.ExitUnavailable, nowhere)
}

// TestContextErrors shows that a mistake is told in one line, with file and line where it is in the file.
func TestContextErrors(t *testing.T) {
	for _, c := range []struct {
		content string
		args    []string
		code    int
		says    string
	}{
		{"a: b: c\n", nil, cli.ExitUsage, "PATH:1: not YAML: "},
		{"\n\n[a]\n", nil, cli.ExitUsage, "PATH:3: the file must be keys with values, as in KEY: VALUE, not a list"},
		{"curent: a\n", nil, cli.ExitUsage, `PATH:1: unknown key "curent": must be one of current, contexts`},
		{"current: [a]\n", nil, cli.ExitUsage, "PATH:1: current: must be the name of a context, not a list"},
		{"current: a\ncurrent: b\n", nil, cli.ExitUsage, "PATH:2: current: already set in line 1"},
		{"current: a\n", nil, cli.ExitNotFound, `PATH:1: current: there is no context "a"`},
		{"contexts: 7\n", nil, cli.ExitUsage, `PATH:1: contexts must be keys with values`},
		{"contexts:\n  a b: {}\n", nil, cli.ExitUsage, `PATH:2: context name "a b"`},
		{"contexts:\n  a:\n    adr: h:1\n", nil, cli.ExitUsage,
			`PATH:3: unknown key "adr": must be one of addr, no-color, output, timeout`},
		{"contexts:\n  a:\n    timeout: 10\n", nil, cli.ExitUsage,
			"PATH:3: timeout: must be a duration with its unit, such as 10s or 2m, not \"10\""},
		{"contexts:\n  a:\n    addr: {h: 1}\n", nil, cli.ExitUsage,
			"PATH:3: addr: must be a list, not keys with values"},
		{"contexts:\n  a:\n    addr: [[h]]\n", nil, cli.ExitUsage, "PATH:3: addr: must be a list of text"},
		{"contexts:\n  a:\n    no-color: 1\n", nil, cli.ExitUsage,
			"PATH:3: no-color: must be true or false, not \"1\""},
		{"contexts:\n  a:\n    output: xml\n", nil, cli.ExitUsage,
			"PATH:3: output: must be table, wide, json, yaml or name"},
		{"contexts:\n  a:\n    output:\n", nil, cli.ExitUsage, "PATH:3: output: must be text, not nothing"},
		{"contexts:\n  a:\n    addr: h\ncurrent: a\n", nil, cli.ExitUsage,
			`PATH:3 (context a): addr: "h": write HOST:PORT`},
		{"contexts:\n  a:\n    timeout: -1s\ncurrent: a\n", nil, cli.ExitUsage,
			"PATH:3 (context a): timeout: -1s: must be positive"},
		{"", []string{"--context", "b"}, cli.ExitNotFound, `no context is named "b" in PATH`},
	} {
		term, path := configured(t, c.content)
		says := strings.ReplaceAll(c.says, "PATH", path)
		r := term.run(append([]string{"node", "ls"}, c.args...)...)
		r.wants(t, c.code, "error: "+says)
		if strings.Contains(c.says, "unknown key") {
			term.run("context", "ls").wants(t, c.code, says)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"context", "add"}, cli.ExitUsage, "NAME is missing"},
		{[]string{"context", "add", "a b", "--addr", "h:1"}, cli.ExitUsage, `context name "a b"`},
		{[]string{"context", "add", "a"}, cli.ExitUsage, "--addr is missing"},
		{[]string{"context", "add", "a", "--addr", "h"}, cli.ExitUsage, `--addr "h": write HOST:PORT`},
		{[]string{"context", "add", "a", "--addr", "h:1", "--timeout", "0"}, cli.ExitUsage, "--timeout"},
		{[]string{"context", "use", "a"}, cli.ExitUsage, "no place for a configuration file"},
		{[]string{"context", "ls"}, cli.ExitUsage, "KELPIE_CONFIG"},
		{[]string{"node", "ls", "--context", "a"}, cli.ExitUsage, "no place for a configuration file"},
	} {
		terminal{}.run(c.args...).wants(t, c.code, c.says)
	}
	blocked, path := configured(t, "")
	blocked.env["KELPIE_CONFIG"] = filepath.Join(path, "below")
	blocked.run("context", "ls").wants(t, cli.ExitUsage, "can't read the configuration", path)
}
