// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestIdentityIsKept shows that an identity is found again, whole, and replaced as a whole.
func TestIdentityIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	if id, err := loadIdentity(dir); err != nil || id != (identity{}) {
		t.Fatalf("a directory that does not exist remembers %+v (%v)", id, err)
	}
	for _, want := range []identity{{Node: "a"}, {Node: "a", ClusterID: "c", Store: "kelpie://127.0.0.1:7500"}} {
		if err := want.save(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := loadIdentity(dir); err != nil || got != want {
			t.Fatalf("remembered %+v, want %+v (%v)", got, want, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

// TestIdentityErrors shows that a failure to keep an identity, or to read it, is told, and leaves nothing behind.
func TestIdentityErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (identity{Node: "a"}).save(filepath.Join(file, "below")); cli.ExitCodeOf(err) != cli.ExitRefused {
		t.Errorf("saved below a file: %v", err)
	}
	if _, err := loadIdentity(file); cli.ExitCodeOf(err) != cli.ExitRefused {
		t.Errorf("loaded from a file: %v", err)
	}

	blocked := filepath.Join(dir, "blocked")
	if err := os.MkdirAll(filepath.Join(blocked, identityFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (identity{Node: "a"}).save(blocked); cli.ExitCodeOf(err) != cli.ExitRefused {
		t.Errorf("saved in the place of a directory: %v", err)
	}
	if entries, err := os.ReadDir(blocked); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}

	for _, content := range []string{"", "{", `{"node":""}`, `{"node":"no spaces"}`} {
		broken := t.TempDir()
		if err := os.WriteFile(filepath.Join(broken, identityFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadIdentity(broken); cli.ExitCodeOf(err) != cli.ExitCorrupt ||
			!strings.Contains(cli.Message(err), identityFile) {
			t.Errorf("loaded %q: %v", content, err)
		}
	}
}

// TestDefaultNodeID shows that any host name makes a valid node name.
func TestDefaultNodeID(t *testing.T) {
	for hostname, want := range map[string]string{
		"web-1.example.com": "web-1-7600", "": "node-7600", "_x_": "x-7600", "übung": "bung-7600", "..": "node-7600",
		strings.Repeat("h", 300): strings.Repeat("h", 122) + "-7600",
	} {
		got := defaultNodeID(hostname, "7600")
		if err := api.ValidateNodeID(got); got != want || err != nil {
			t.Errorf("host %q gives %q, want %q (%v)", hostname, got, want, err)
		}
	}
}

// TestDefaultDataDir shows where data goes when nothing is said.
func TestDefaultDataDir(t *testing.T) {
	for _, c := range []struct{ xdg, home, want string }{
		{"/data", "/home/u", "/data/kelpie/7600"},
		{"", "/home/u", "/home/u/.local/share/kelpie/7600"},
		{"relative", "/home/u", "/home/u/.local/share/kelpie/7600"},
	} {
		env := map[string]string{"XDG_DATA_HOME": c.xdg, "HOME": c.home}
		if got, err := defaultDataDir(func(name string) string { return env[name] }, "7600"); got != c.want ||
			err != nil {
			t.Errorf("%v gives %q, want %q (%v)", env, got, c.want, err)
		}
	}
	if dir, err := defaultDataDir(func(string) string { return "" }, "7600"); cli.ExitCodeOf(err) != cli.ExitUsage {
		t.Errorf("without a home: %q (%v)", dir, err)
	}
}
