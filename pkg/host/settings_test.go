// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/pflag"
)

// configured writes a node's configuration and returns its path.
func configured(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigFile shows that a file gives what neither a flag nor a variable does, and that it is known who gave what.
func TestConfigFile(t *testing.T) {
	path := configured(t, `# a node
node-id: n1
listen: 127.0.0.1:1
capacity: 1_000
memory-limit: 2GiB
join: [a:1, "b:2"]
label:
  - disk=ssd
  - "note=a,b"
drain-timeout: 2m
zone: eu # far away
`)
	var o Options
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.register(flags)
	if err := flags.Parse([]string{"--zone", "us"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KELPIE_LISTEN": "127.0.0.1:2", "KELPIE_ZONE": "asia", "KELPIE_NODE_CONFIG": path}
	if err := cli.ReadSettings(flags, func(name string) string { return env[name] }); err != nil {
		t.Fatal(err)
	}
	if o.NodeID != "n1" || o.Listen != "127.0.0.1:2" || o.Capacity != 1000 || o.MemoryLimit != 2<<30 ||
		o.DrainTimeout != 2*time.Minute || o.Zone != "us" ||
		!slices.Equal(o.Join, []string{"a:1", "b:2"}) || !slices.Equal(o.Labels, []string{"disk=ssd", "note=a,b"}) ||
		o.Log.Level != "info" {
		t.Errorf("got %+v", o)
	}
	for flag, want := range map[string][2]string{
		"zone": {cli.FromFlag, "--zone"}, "listen": {cli.FromVariable, "$KELPIE_LISTEN"}, "config": {
			cli.FromVariable, "$KELPIE_NODE_CONFIG"},
		"label": {cli.FromFile, path + ":7"}, "node-id": {cli.FromFile, path + ":2"}, "store": {cli.FromDefault, cli.FromDefault},
	} {
		if kind, where := cli.Origin(flags.Lookup(flag)); [2]string{kind, where} != want {
			t.Errorf("--%s is from %s %s, want %v", flag, kind, where, want)
		}
	}
}

// TestConfigFileErrors shows that a mistake in a file is told with file, line, key and what it should be.
func TestConfigFileErrors(t *testing.T) {
	for content, says := range map[string]string{
		"node-id: n\nlisten: 1: 2\n":          ":2: not YAML: ",
		"- a\n":                               ":1: the file must be keys with values",
		"\nlisen: h:1\n":                      `:2: unknown key "lisen": must be one of advertise, capacity, `,
		"config: other.yaml\n":                `:1: unknown key "config"`,
		"zone: a\nzone: b\n":                  ":2: zone: already set in line 1",
		"capacity: many\n":                    `:1: capacity: must be a whole number, not "many"`,
		"capacity: 1.5\n":                     `:1: capacity: must be a whole number, not "1.5"`,
		"capacity: 99999999999999999999999\n": `:1: capacity: must be a whole number`,
		"capacity: [1]\n":                     ":1: capacity: must be a whole number, not a list",
		"capacity:\n":                         ":1: capacity: must be a whole number, not nothing",
		"drain-timeout: 30\n": ":1: drain-timeout: must be a duration with its unit, such as 10s or 2m, " +
			"not \"30\"",
		"join: {a: 1}\n":       ":1: join: must be a list, not keys with values",
		"join: [true]\n":       ":1: join: must be a list of text",
		"memory-limit: some\n": `:1: memory-limit: "some" is not a number of bytes`,
		"node-id: true\n":      `:1: node-id: must be text, not "true"`,
		"log-level: [info]\n":  ":1: log-level: must be text, not a list",
	} {
		path := configured(t, content)
		_, err := parse(map[string]string{"KELPIE_NODE_CONFIG": path})
		if cli.ExitCodeOf(err) != cli.ExitUsage || !strings.Contains(cli.Message(err), path+says) {
			t.Errorf("%q: %v, want %s", content, err, says)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		if _, err := parse(nil, "--config", path); cli.ExitCodeOf(err) != cli.ExitUsage ||
			!strings.Contains(cli.Message(err), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestBadValuesAreBlamedOnTheirOrigin shows that what a check refuses is told with where the value is from.
func TestBadValuesAreBlamedOnTheirOrigin(t *testing.T) {
	run := func(env map[string]string, args ...string) string {
		var stderr strings.Builder
		p := cli.Process{Stderr: &stderr, Getenv: func(name string) string { return env[name] }}
		if code := cli.Execute(StartCommand(p, "test"), p, args); code != cli.ExitUsage {
			t.Errorf("%v %v: exit code %d, %s", env, args, code, stderr.String())
		}
		return stderr.String()
	}
	for content, says := range map[string]string{
		"listen: 7600\n":                 `:1: listen: "7600": write HOST:PORT`,
		"\nzone: a/b\n":                  `:2: zone: zone "a/b"`,
		"node-id: a b\n":                 `:1: node-id: node name`,
		"label: [disk]\n":                `:1: label: label "disk"`,
		"capacity: -1\n":                 ":1: capacity: -1: must not be negative; 0 means no limit",
		"max-calls: -1\n":                ":1: max-calls: -1: must not be negative; 0 means ",
		"advertise: h\n":                 `:1: advertise: "h"`,
		"join: [h]\n":                    `:1: join: "h"`,
		"store: mongo:x\n":               `:1: store: store "mongo:x"`,
		"log-level: loud\n":              `:1: log-level: "loud": must be debug,`,
		"log-format: xml\n":              `:1: log-format: "xml": must be text or json`,
		"drain-timeout: -1s\n":           ":1: drain-timeout: -1s: must not be negative",
		"lease-ttl: 1s\nheartbeat: 1s\n": ":1: lease-ttl: 1s: must be at least",
	} {
		path := configured(t, content)
		if got := run(nil, "--config", path); !strings.HasPrefix(got, "error: "+path+says) {
			t.Errorf("%q: %s", content, got)
		}
	}
	if got := run(map[string]string{"KELPIE_LISTEN": "x"}); !strings.HasPrefix(
		got, `error: $KELPIE_LISTEN: listen: "x": write HOST:PORT`) {
		t.Error(got)
	}
	if got := run(map[string]string{"KELPIE_LISTEN": "x"}, "--listen", "y"); !strings.HasPrefix(
		got, `error: --listen "y": write HOST:PORT`) {
		t.Error(got)
	}
}
