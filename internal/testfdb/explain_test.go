// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// troubledCLI is a fdbcli of a cluster that is there and in trouble.
const troubledCLI = "#!/bin/sh\n" + fakeVersion + `for last; do :; done
case $last in
configure*) echo "Database created" ;;
"status json") cat <<'STATUS'

{
   "client" : { "coordinators" : { "quorum_reachable" : true } },
   "cluster" : {
      "messages" : [ ],
      "noise" : { },
      "processes" : { "p1" : { "address" : "127.0.0.1:1", "run_loop_busy" : 0.5, "disk" : { "free_bytes" : 12 }, "roles" : [ { "role" : "log", "id" : "x" } ] } },
      "qos" : { "performance_limited_by" : { "name" : "log_server_min_free_space" } }
   }
}
STATUS
	;;
status*) echo "The database is available, but has issues." ;;
esac
`

// TestExplain shows what is said of a cluster when a step of its tests fails.
func TestExplain(t *testing.T) {
	dir, getenv := fake(t, "#!/bin/sh\n"+fakeVersion+"echo FDBD joined cluster.\nexec sleep 1000\n")
	if err := os.WriteFile(filepath.Join(dir, "fdbcli"), []byte(troubledCLI), 0o700); err != nil {
		t.Fatal(err)
	}
	tools, err := findTools(getenv)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c, err := start(context.Background(), tools, shapes[0], t.TempDir(), &said)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if said.Len() > 0 {
		t.Errorf("of a cluster that has started it said %q", said.String())
	}
	events := strings.Repeat(`<Event Severity="30" Type="Old"/>`+"\n", linesMax) +
		`<Event Severity="10" Type="Usual"/>` + "\n" + `<Event Severity="40" Type="DiskFull" Text="` +
		strings.Repeat("x", fieldBytesMax) + `"/>` + "\n"
	if err := os.WriteFile(filepath.Join(c.servers[0].logDir(), "trace.127.0.0.1.1.xml"), []byte(events),
		0o600); err != nil {
		t.Fatal(err)
	}
	c.explain(&said)
	for _, want := range []string{
		"The database is available, but has issues.",
		`client: {"coordinators":{"quorum_reachable":true}}`,
		`qos: {"performance_limited_by":{"name":"log_server_min_free_space"}}`,
		`process: {"address":"127.0.0.1:1","disk":{"free_bytes":12},"roles":[{"role":"log"}]}`,
		"server1 at " + c.servers[0].address,
		`Type="DiskFull"`,
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Contains(said.String(), "noise") || strings.Contains(said.String(), "Usual") ||
		strings.Count(said.String(), `Type="Old"`) != linesMax-1 {
		t.Errorf("it says too much, or too little")
	}
	if t.Failed() {
		t.Log(said.String())
	}
}

// TestVersions shows that programs of another line of releases, or that are not FoundationDB's, are refused in one
// line.
func TestVersions(t *testing.T) {
	for said, want := range map[string]string{
		"echo 'FoundationDB 7.3 (v7.3.79)'":     "",
		"echo 'FoundationDB CLI 7.3 (v7.3.79)'": "",
		"echo 'FoundationDB 7.1 (v7.1.73)'":     "should be of FoundationDB 7.3",
		"echo 'PostgreSQL 7.3 (v7.3.79)'":       "should be of FoundationDB 7.3",
		"echo broken; exit 4":                   "exit status 4: broken",
	} {
		program := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+said+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		got, err := tools{server: program, cli: program}.versions(context.Background())
		if want == "" && (err != nil || !strings.Contains(got, "v7.3.79")) {
			t.Errorf("%s: %q, %v", said, got, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v, want an error with %q", said, err, want)
		}
	}
}

// TestOneClusterFails shows that a cluster that can't be had does not keep the next from being tested, and fails all.
func TestOneClusterFails(t *testing.T) {
	dir, getenv := fake(t, "#!/bin/sh\n"+fakeVersion+`[ -e "$0.once" ] || { touch "$0.once"; echo no disk; exit 3; }`+
		"\n"+strings.TrimPrefix(fakeServer, "#!/bin/sh\n"+fakeVersion))
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"-only", "no such step"}, &stdout, &stderr, getenv)
	if code != 1 || !strings.Contains(stderr.String(), "1 steps failed: 1 server, memory as a whole") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
	for _, want := range []string{"== 1 server, memory: server1", "no disk", "== 3 servers, ssd: starting"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q does not hold %q", stdout.String(), want)
		}
	}
	wantEnded(t, dir, 3)
}
