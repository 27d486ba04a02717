// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	deployDir = "../../deploy"
	// stopTime is how long a node may take to stop after its drain, with some margin.
	stopTime = 10 * time.Second
)

// wantStarts wants a command that starts a node on FoundationDB to be right in all but that this build can't do it.
func wantStarts(t *testing.T, env map[string]string, args []string) {
	t.Helper()
	if i := slices.Index(args, "--data-dir"); i >= 0 {
		args = slices.Clone(args)
		args[i+1] = t.TempDir() // the test must not touch the machine's own
	}
	all := map[string]string{"HOME": t.TempDir()}
	for name, value := range env {
		all[name] = value
	}
	terminal{env: all}.run(args...).wants(t, cli.ExitRefused, "built without FoundationDB", "make build FDB=1")
}

func deployFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(deployDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestCompose shows that the compose file starts nodes as this version can be started, and gives them the time to stop.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Build           struct{ Context, Dockerfile string }
			Command         []string
			Environment     map[string]string
			StopGracePeriod time.Duration `yaml:"stop_grace_period"`
			Volumes         []string
			DependsOn       yaml.Node `yaml:"depends_on"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(deployFile(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	nodes := make(map[string]bool)
	for name, service := range file.Services {
		for _, volume := range service.Volumes {
			if volume, _, _ := strings.Cut(volume, ":"); !hasKey(file.Volumes, volume) {
				t.Errorf("%s: there is no volume %s", name, volume)
			}
		}
		if service.Build.Dockerfile == "" {
			continue // one of FoundationDB's
		}
		nodes[name] = true
		if _, err := os.Stat(filepath.Join(deployDir, service.Build.Context, service.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if service.StopGracePeriod < host.DefaultDrainTimeout+stopTime {
			t.Errorf("%s has %v to stop", name, service.StopGracePeriod)
		}
		if got := flagOf(service.Command, "--node-id"); got != name {
			t.Errorf("%s calls itself %q", name, got)
		}
		if got := flagOf(service.Command, "--advertise"); got != name+":7600" {
			t.Errorf("%s is reached at %q", name, got)
		}
		wantStarts(t, service.Environment, service.Command)
	}
	if len(nodes) != 3 {
		t.Errorf("there are nodes %v, want three", nodes)
	}
}

func hasKey(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

func flagOf(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// TestOneFoundationDB shows that images and continuous integration take the same release, of the line whose API the
// store uses.
func TestOneFoundationDB(t *testing.T) {
	var want string
	for name, before := range map[string]string{
		"compose.yaml": "foundationdb/foundationdb:", "Dockerfile": "ARG FDB_VERSION=",
		"../.github/workflows/foundationdb.yml": "FDB_VERSION: ",
	} {
		parts := strings.Split(deployFile(t, name), before)
		if len(parts) < 2 {
			t.Errorf("%s names no release of FoundationDB", name)
		}
		for _, part := range parts[1:] {
			got, _, _ := strings.Cut(part, "\n")
			if want == "" {
				want = got
			}
			if got != want || !strings.HasPrefix(got, "7.3.") {
				t.Errorf("%s takes FoundationDB %s, others %s", name, got, want)
			}
		}
	}
}

// settings parses lines of NAME=VALUE, in a unit or a file of variables.
func settings(t *testing.T, content string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "[") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if _, twice := found[name]; !ok || twice {
			t.Errorf("not a setting, or given twice: %s", line)
		}
		found[name] = value
	}
	return found
}

// TestUnit shows that the unit starts a node as this version can be started, that its variables are known, and that
// it gives the node the time to drain.
func TestUnit(t *testing.T) {
	unit, variables := settings(t, deployFile(t, "kelpie.service")), settings(t, deployFile(t, "kelpie.env"))
	command := strings.Fields(unit["ExecStart"])
	if len(command) == 0 || command[0] != "/usr/local/bin/kelpie" {
		t.Fatalf("it starts %q, and make install puts the binary elsewhere", command)
	}
	wantStarts(t, variables, command[1:])
	help := terminal{}.run("node", "start", "--help").stdout
	for name := range variables {
		if !strings.Contains(help, "[$"+name+"]") {
			t.Errorf("%s is no variable of kelpie node start", name)
		}
	}
	drain, err := time.ParseDuration(variables["KELPIE_DRAIN_TIMEOUT"])
	if err != nil {
		t.Fatal(err)
	}
	if stop, err := time.ParseDuration(unit["TimeoutStopSec"] + "s"); err != nil || stop < drain+stopTime {
		t.Errorf("a node that drains for %v has %v to stop (%v)", drain, stop, err)
	}
	if unit["KillSignal"] != "SIGTERM" {
		t.Errorf("it stops nodes by %q", unit["KillSignal"])
	}
	file, _, _ := strings.Cut(strings.TrimPrefix(flagOf(command, "--store"), "fdb:"), "?")
	if strings.TrimPrefix(unit["ReadWritePaths"], "-") != filepath.Dir(file) {
		t.Errorf("%s can't be rewritten by FoundationDB's client: writable is %s", file, unit["ReadWritePaths"])
	}
	if dir := flagOf(command, "--data-dir"); dir != "/var/lib/"+unit["StateDirectory"] {
		t.Errorf("data directory %s is not the unit's, %s", dir, unit["StateDirectory"])
	}
}

// TestUnitVerified has systemd look at the unit, where it is installed.
func TestUnitVerified(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here; TestUnit reads the unit everywhere")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "kelpie.service")
	installed := strings.Replace(deployFile(t, "kelpie.service"), "ExecStart=/usr/local/bin/kelpie ", "ExecStart="+
		self+" ", 1)
	if err := os.WriteFile(unit, []byte(installed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
