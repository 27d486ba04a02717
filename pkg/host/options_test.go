// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/pflag"
)

// parse returns the options that a command line and an environment give.
func parse(env map[string]string, args ...string) (Options, error) {
	var o Options
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.register(flags)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if err := cli.ReadSettings(flags, func(name string) string { return env[name] }); err != nil {
		return o, err
	}
	return o, o.validate()
}

// TestPrecedence shows that a flag goes before its variable, and that before the default.
func TestPrecedence(t *testing.T) {
	env := map[string]string{"KELPIE_LISTEN": "127.0.0.1:2", "KELPIE_JOIN": "a:1,b:2", "KELPIE_CAPACITY": "7",
		"KELPIE_NODE_ID": ""}
	o, err := parse(env, "--capacity", "0")
	if err != nil {
		t.Fatal(err)
	}
	if o.Listen != "127.0.0.1:2" || o.Capacity != 0 || o.NodeID != "" || o.Log.Level != "info" ||
		strings.Join(o.Join, " ") != "a:1 b:2" {
		t.Errorf("got %+v", o)
	}
	if o, err = parse(env, "--listen", "127.0.0.1:1", "--join", "c:3", "--join", "d:4"); err != nil ||
		o.Listen != "127.0.0.1:1" || strings.Join(o.Join, " ") != "c:3 d:4" {
		t.Errorf("got %+v (%v)", o, err)
	}
	if o, err = parse(map[string]string{"KELPIE_ZONE": "eu", "KELPIE_LABELS": "disk=ssd,cpu=big"}, "--zone",
		"us"); err != nil || o.Zone != "us" || strings.Join(o.Labels, " ") != "disk=ssd cpu=big" {
		t.Errorf("got %+v (%v)", o, err)
	}
	_, err = parse(map[string]string{"KELPIE_CAPACITY": "many"})
	if cli.ExitCodeOf(err) != cli.ExitUsage || !strings.Contains(cli.Message(err), "$KELPIE_CAPACITY") {
		t.Errorf("a variable that is no number: %v", err)
	}
}

// TestFlagsNameTheirVariables shows that every flag can be set by a variable that its help names.
func TestFlagsNameTheirVariables(t *testing.T) {
	var o Options
	var s StoreOptions
	for _, register := range []func(*pflag.FlagSet){o.register, s.Register} {
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		register(flags)
		flags.VisitAll(func(f *pflag.Flag) {
			variable := f.Annotations[cli.VariableAnnotation]
			if len(variable) != 1 || !strings.Contains(f.Usage, "[$"+variable[0]+"]") {
				t.Errorf("--%s does not name its variable: %s", f.Name, f.Usage)
			}
		})
	}
}

// TestOptionErrors shows that what makes no sense is refused with the flag's name, before anything is done.
func TestOptionErrors(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"--node-id a/b", "node name"},
		{"--listen 7600", "--listen \"7600\": write HOST:PORT"},
		{"--listen 127.0.0.1:http", "is not a port"},
		{"--listen 127.0.0.1:65536", "is not a port"},
		{"--listen 127.0.0.1:0", "needs a --node-id"},
		{"--advertise 0.0.0.0:7600", "every address"},
		{"--advertise [::]:7600", "every address"},
		{"--advertise 10.0.0.1", "--advertise"},
		{"--advertise 10.0.0.1:0", "--advertise"},
		{"--join localhost", "--join"},
		{"--join :7600", "no one can connect"},
		{"--store mongo:x", "of an unknown kind"},
		{"--store memory", "of an unknown kind"},
		{"--store kelpie:127.0.0.1:1", "of an unknown kind"},
		{"--store memory:x", "takes nothing after the colon"},
		{"--store kelpie://nowhere", "write HOST:PORT"},
		{"--store memory: --join a:1", "leave out --store"},
		{"--drain-timeout -1s", "--drain-timeout -1s: must not be negative"},
		{"--zone a/b", `zone "a/b"`},
		{"--label disk", `label "disk"`},
		{"--label a=b --label a=c", "the key a appears twice"},
		{"--log-level loud", "--log-level"},
		{"--log-format xml", "--log-format"},
	} {
		_, err := parse(nil, strings.Fields(c.args)...)
		if cli.ExitCodeOf(err) != cli.ExitUsage || !strings.Contains(cli.Message(err), c.says) {
			t.Errorf("%s: %v, want a usage error that says %q", c.args, err, c.says)
		}
	}
	for _, args := range []string{
		"", "--listen 127.0.0.1:0 --node-id a", "--listen :7600", "--listen 0.0.0.0:7600", "--listen [::]:7600",
		"--listen :7600 --advertise h:1", "--store memory:", "--store pebble:", "--store pebble:/a:b",
		"--store fdb:", "--store kelpie://h:1", "--store pebble: --join h:1",
		"--log-format json --log-level debug",
	} {
		if _, err := parse(nil, strings.Fields(args)...); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}
