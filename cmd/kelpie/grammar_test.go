// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// commandCase is what is tried of a command.
type commandCase struct {
	// good succeed, on a cluster of two; the first is tried in every format, and so more than once.
	good []trial
	// wrong are refused before anybody is asked, on a cluster that is down.
	wrong []trial
	// down fail on a cluster that is down. Without any, alone says why.
	down  []string
	alone string
	// shape is that of -o json, nil for a command that does not have it.
	shape *shape
}

// trial is a command line, whose words are separated by spaces. Of these, NEW is the name of a file that is not there.
type trial struct {
	line, stdin string
	// says is on stdout, or stderr if it is refused; errs is on stderr.
	says, errs string
	// before and after are run before and after it.
	before, after string
	// interrupt has it interrupted once it waits.
	interrupt bool
	// serves says that it goes on until it is interrupted.
	serves bool
	// on makes a cluster of its own.
	on func(t *testing.T) terminal
}

// run runs the trial with more arguments.
func (tr trial) run(t *testing.T, cluster terminal, more ...string) result {
	t.Helper()
	if tr.on != nil {
		cluster = tr.on(t)
	}
	if strings.Contains(tr.line, " NEW") {
		name := strings.NewReplacer("NEW", filepath.Join(t.TempDir(), "new"))
		tr.line, tr.before = name.Replace(tr.line), name.Replace(tr.before)
	}
	if tr.before != "" {
		cluster.run(strings.Fields(tr.before)...).wants(t, cli.ExitOK)
	}
	term := cluster
	term.stdin = tr.stdin
	if tr.interrupt {
		term = term.interrupted()
	}
	r := term.run(append(strings.Fields(tr.line), more...)...)
	if tr.after != "" {
		cluster.run(strings.Fields(tr.after)...).wants(t, cli.ExitOK)
	}
	return r
}

// interrupted returns the terminal with a signal that is already pending.
func (term terminal) interrupted() terminal {
	term.signals = make(chan os.Signal, 1)
	term.signals <- os.Interrupt
	return term
}

// leaves returns the commands that do something, not only those below them.
func leaves(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	if _, group := cmd.Annotations[isGroup]; cmd.Runnable() && !group {
		all = append(all, cmd)
	}
	for _, c := range cmd.Commands() {
		all = append(all, leaves(c)...)
	}
	return all
}

// goNames is what only a programmer of Go understands.
var goNames = regexp.MustCompile(
	`\*?\b(main|api|host|json|strconv|errors|context|reflect|msgpack|time|net|url|yaml|pflag|fmt|big)\.[A-Z(]|\b(json|strconv|msgpack|time|yaml): |<nil>|%!|goroutine |0xc0[0-9a-f]{6}`)

// plainErrors wants errors to be for people.
func plainErrors(t *testing.T, r result) {
	t.Helper()
	if found := goNames.FindString(r.stderr); found != "" {
		t.Errorf("%q is Go's own, in %s", found, r.stderr)
	}
}

// TestEveryCommandIsTried tries every command on success, in every format that it has, on wrong use, and on a cluster
// that is down. A command that nobody has said how to try fails.
func TestEveryCommandIsTried(t *testing.T) {
	up := tryCluster(t)
	down := terminal{env: map[string]string{"KELPIE_ADDR": nowhere}}
	tried := make(map[string]bool)
	for _, cmd := range leaves(newTestRoot()) {
		path := cmd.CommandPath()
		c, ok := commandCases[path]
		tried[path] = true
		if !ok {
			t.Errorf("nobody has said how to try %q: see commandCases", path)
			continue
		}
		t.Run(path, func(t *testing.T) { c.try(t, cmd, up, down) })
	}
	for path := range commandCases {
		if !tried[path] {
			t.Errorf("there is no command %q: see commandCases", path)
		}
	}
}

// tryCluster starts a cluster of two, with some actors.
func tryCluster(t *testing.T) terminal {
	t.Helper()
	a := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0", "--heartbeat",
		"100ms", "--lease-ttl", "2s", "--zone", "eu", "--label", "disk=ssd")
	serve(t, "node", "start", "--join", a.address, "--node-id", "n2", "--listen", "127.0.0.1:0")
	term := terminal{env: map[string]string{"KELPIE_ADDR": a.address}}
	term.run("cluster", "wait", "--nodes", "2").wants(t, cli.ExitOK)
	term.run("actors", "call", "counter/a", "add", "1").wants(t, cli.ExitOK)
	return term
}

func (c commandCase) try(t *testing.T, cmd *cobra.Command, up, down terminal) {
	if len(c.good) == 0 || len(c.wrong) == 0 || (len(c.down) == 0) != (c.alone != "") {
		t.Error("not tried on success, on wrong use, and on a cluster that is down; or say why it needs none")
	}
	for _, tr := range c.good {
		if tr.serves {
			serve(t, strings.Fields(tr.line)...)
			continue
		}
		r := tr.run(t, up)
		if plainErrors(t, r); r.code != cli.ExitOK || !strings.Contains(r.stdout, tr.says) ||
			!strings.Contains(r.stderr, tr.errs) {
			t.Errorf("%s: %+v, wants %q", tr.line, r, tr.says+tr.errs)
		}
	}
	for _, tr := range c.wrong {
		tr.run(t, down).wants(t, cli.ExitUsage, tr.says)
	}
	for _, line := range c.down {
		r := down.run(strings.Fields(line)...)
		r.wants(t, cli.ExitUnavailable, nowhere+" (connection refused)", "KELPIE_ADDR", "kelpie node start")
	}
	c.tryFormats(t, cmd, up)
}

// tryFormats tries every format, one look of --watch, and the flags that all lists have.
func (c commandCase) tryFormats(t *testing.T, cmd *cobra.Command, up terminal) {
	flags := cmd.Flags()
	// whose flag is what the context is to have
	prints := flags.Lookup("output") != nil && cmd.CommandPath() != "kelpie context add"
	if prints != (c.shape != nil) {
		t.Error("a command that has -o, and no other, has a shape in commandCases")
	}
	if c.shape == nil {
		return
	}
	tr := c.good[0]
	for _, f := range formats {
		r := tr.run(t, up, "-o", string(f))
		if r.code != cli.ExitOK {
			t.Errorf("-o %s: %+v", f, r)
			continue
		}
		if err := c.accepts(f, r.stdout); err != nil {
			t.Errorf("-o %s: %v\n%s", f, err, r.stdout)
		}
	}
	if flags.Lookup("watch") != nil {
		tr.interrupt = true
		r := tr.run(t, up, "--watch", "-o", "json")
		if err := c.shape.acceptsLines(r.stdout); r.code != cli.ExitOK || err != nil {
			t.Errorf("--watch: %v\n%+v", err, r)
		}
	}
	if cmd.Name() == "ls" || cmd.Name() == "scan" {
		c.tryList(t, cmd, up)
	}
}

// accepts checks what was printed in a format.
func (c commandCase) accepts(f format, text string) error {
	switch f {
	case formatJSON:
		if text == "" && c.shape.form == aLine {
			return nil
		}
		return c.shape.accepts(text)
	case formatYAML:
		if c.shape.form == aLine {
			return nil // documents of a stream: those of one row each are tried elsewhere
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
		return validate(c.shape.document(), string(mustJSON(value)))
	}
	return nil
}

// tryList tries the flags that all lists have.
func (c commandCase) tryList(t *testing.T, cmd *cobra.Command, up terminal) {
	wanted := []string{"output", "no-color", "limit", "sort"}
	if c.alone == "" {
		wanted = append(wanted, "addr", "timeout", "watch")
	}
	for _, flag := range wanted {
		if cmd.Flags().Lookup(flag) == nil {
			t.Errorf("a list without --%s", flag)
		}
	}
	tr := c.good[0]
	all := strings.Count(tr.run(t, up, "-o", "name").stdout, "\n")
	if got := strings.Count(tr.run(t, up, "-o", "name", "--limit", "1").stdout, "\n"); got != min(all, 1) {
		t.Errorf("--limit 1 gives %d rows of %d", got, all)
	}
	key := ""
	for k := range c.shape.row["properties"].(map[string]any) {
		key = max(key, k)
	}
	for _, sort := range []string{key, key + ":desc"} {
		if r := tr.run(t, up, "--sort", sort, "-o", "name"); r.code != cli.ExitOK ||
			strings.Count(r.stdout, "\n") != all {
			t.Errorf("--sort %s: %+v", sort, r)
		}
	}
	tr.run(t, up, "--sort", "nosuch").wants(t, cli.ExitUsage, `--sort "nosuch"`, key)
	tr.run(t, up, "--limit", "-1").wants(t, cli.ExitUsage, "--limit -1: must not be negative")
}

// TestEveryGroupHelps shows that a command that only has others below it lists them, and knows no others.
func TestEveryGroupHelps(t *testing.T) {
	var groups func(cmd *cobra.Command)
	groups = func(cmd *cobra.Command) {
		if _, group := cmd.Annotations[isGroup]; group {
			words := strings.Fields(cmd.CommandPath())[1:]
			r := terminal{}.run(words...)
			r.wants(t, cli.ExitOK, "Available Commands:", "Usage:")
			terminal{}.run(append(words, "xyzzy")...).wants(t, cli.ExitUsage, `unknown command "xyzzy"`)
		}
		for _, c := range cmd.Commands() {
			groups(c)
		}
	}
	groups(newTestRoot())
}

// TestEveryHelpHasAnExample shows that nobody has to guess how a command is written.
func TestEveryHelpHasAnExample(t *testing.T) {
	without := map[string]string{
		"kelpie help":                  "its usage is one",
		"kelpie completion bash":       "cobra's help of it says what to write",
		"kelpie completion fish":       "cobra's help of it says what to write",
		"kelpie completion powershell": "cobra's help of it says what to write",
		"kelpie completion zsh":        "cobra's help of it says what to write",
	}
	for _, cmd := range leaves(newTestRoot()) {
		path := cmd.CommandPath()
		_, excused := without[path]
		if (cmd.Example == "") != excused {
			t.Errorf("%s has an example: %v; is excused from it: %v", path, cmd.Example != "", excused)
		}
		if cmd.Short == "" || cmd.Long == "" && !excused {
			t.Errorf("%s has no help", path)
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  kelpie ") {
				t.Errorf("%s: example %q does not begin with two spaces and kelpie", path, line)
			}
		}
	}
}
