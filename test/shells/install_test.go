// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package shells

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/testtools"
)

// pages returns the man pages of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, "docs/man/*.1"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no man pages: %v", err)
	}
	return found
}

// TestInstall shows that everything is installed where the system looks for it, and nothing else.
func TestInstall(t *testing.T) {
	want := map[string]string{ // and what it is
		"bin/kelpie": filepath.Join(dest, "build/kelpie"),
		"share/bash-completion/completions/kelpie":    filepath.Join(repository, "completions/kelpie.bash"),
		"share/zsh/site-functions/_kelpie":            filepath.Join(repository, "completions/_kelpie"),
		"share/fish/vendor_completions.d/kelpie.fish": filepath.Join(repository, "completions/kelpie.fish"),
	}
	for _, page := range pages(t) {
		want["share/man/man1/"+filepath.Base(page)] = page
	}
	have := make(map[string]fs.FileMode)
	err := filepath.WalkDir(installed, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(installed, path)
		have[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range want {
		mode := fs.FileMode(0o644)
		if name == "bin/kelpie" {
			mode = 0o755
		}
		if have[name] != mode {
			t.Errorf("%s is installed with mode %v, want %v", name, have[name], mode)
			continue
		}
		if !sameContent(t, filepath.Join(installed, name), source) {
			t.Errorf("%s is not %s", name, source)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is installed as well", name)
		}
	}
	entries, err := os.ReadDir(dest)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"usr", "build"}, e.Name()) {
			t.Errorf("%s is outside of PREFIX", e.Name())
		}
	}
	out, err := exec.Command(filepath.Join(installed, "bin/kelpie"), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "kelpie") {
		t.Errorf("what is installed says %q, %v", out, err)
	}
}

func sameContent(t *testing.T, a, b string) bool {
	t.Helper()
	contents := make([]string, 2)
	for i, name := range []string{a, b} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		contents[i] = string(content)
	}
	return contents[0] == contents[1]
}

// TestManLint shows that mandoc has nothing to say against the man pages.
func TestManLint(t *testing.T) {
	testtools.Require(t, "mandoc")
	out, err := exec.Command("mandoc", append([]string{"-T", "lint"}, pages(t)...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestManPage shows a page as its reader sees it.
func TestManPage(t *testing.T) {
	testtools.Require(t, "mandoc")
	out, err := exec.Command("mandoc", "-T", "ascii",
		filepath.Join(installed, "share/man/man1/kelpie-actors-call.1")).Output()
	if err != nil {
		t.Fatal(err)
	}
	// Bold and underlined letters are printed twice.
	plain := make([]byte, 0, len(out))
	for _, b := range out {
		if b == '\b' {
			plain = plain[:len(plain)-1]
			continue
		}
		plain = append(plain, b)
	}
	for _, want := range []string{
		"KELPIE-ACTORS-CALL(1)", "kelpie-actors-call - Call a method of an actor",
		"kelpie actors call ACTOR METHOD [JSON] [flags]",
		`kelpie actors call kv/settings put '{"key":"colour","value":"red"}'`,
		"--idempotency-key string\n", "how long to wait for an answer [$KELPIE_TIMEOUT] (default 30s)",
		"SEE ALSO\n       kelpie-actors(1)",
	} {
		if !strings.Contains(string(plain), want) {
			t.Errorf("the page does not say %q:\n%s", want, plain)
		}
	}
}
