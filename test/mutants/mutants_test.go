// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mutants

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var hunt = flag.Bool("mutants.hunt", false, "build every mutant, and see that it is found")

// change is a replacement in a file: the text is there once.
type change struct {
	file, old, new string
}

// mutant is the product with a defect.
type mutant struct {
	name, what string
	changes    []change
	// caught are the checkers of which one must find it; nil if it is none, as something else makes up for it.
	caught []string
	// flags choose the runs of the simulator: by default those of its profile "moves", unless they name another.
	flags []string
	// test, in place of runs, is a test of package node that must fail.
	test string
}

const (
	// seedsMax is within how many runs a mutant must be found; seedsOfNone how many do not find one that is none.
	seedsMax, seedsOfNone = 150, 80
)

var all = slices.Concat(moves, later, calls, once, edges)

const root = "../.."

// write makes the files of the mutant, and returns the overlay that puts them in place of the product's.
func (m *mutant) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	texts := make(map[string]string)
	for _, c := range m.changes {
		if _, ok := texts[c.file]; !ok {
			b, err := os.ReadFile(filepath.Join(root, c.file))
			if err != nil {
				t.Fatal(err)
			}
			texts[c.file] = string(b)
		}
		if n := strings.Count(texts[c.file], c.old); n != 1 {
			t.Fatalf("%s has %d times what is to be replaced: %q", c.file, n, c.old)
		}
		texts[c.file] = strings.Replace(texts[c.file], c.old, c.new, 1)
	}
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for file, text := range texts {
		path := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		abs, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[abs] = path
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// command runs a program in the root of the tree.
func command(ctx context.Context, name string, args ...string) (out string, err error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = root
	b, err := c.CombinedOutput()
	return string(b), err
}

// TestMutants sees that every mutant can be made, and is found if it is asked for.
func TestMutants(t *testing.T) {
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			overlay := m.write(t)
			switch {
			case !*hunt:
			case m.test != "":
				m.fails(t, overlay)
			default:
				m.isFound(t, overlay)
			}
		})
	}
}

// fails sees that the mutant's test fails, and not because it does not build.
func (m *mutant) fails(t *testing.T, overlay string) {
	out, err := command(t.Context(), "go", "test", "-overlay", overlay, "-count=1", "-run", "^"+m.test+"$",
		"./pkg/node")
	if err == nil || !strings.Contains(out, "--- FAIL: "+m.test) {
		t.Fatalf("%s: not found by %s:\n%s", m.what, m.test, out)
	}
}

// memoryMax runs a program with at most 8 GB of addresses: a mutant may well go round in circles.
const memoryMax = `ulimit -v 8000000; exec "$0" "$@"`

// The exit codes of the hunter.
const (
	exitFound    = 10
	exitOther    = 11
	exitNotFound = 12
)

// isFound runs seeds until the mutant is found, or there have been enough.
func (m *mutant) isFound(t *testing.T, overlay string) {
	bin := filepath.Join(t.TempDir(), "hunter")
	if out, err := command(t.Context(), "go", "build", "-overlay", overlay, "-o", bin,
		"./test/mutants/hunter"); err != nil {
		t.Fatalf("it does not build: %v\n%s", err, out)
	}
	most := seedsMax
	if m.caught == nil {
		most = seedsOfNone
	}
	args := append([]string{"-c", memoryMax, bin, "-profile", "moves"}, m.flags...)
	args = append(args, "-seeds", fmt.Sprint(most), "-caught", strings.Join(m.caught, ","))
	out, err := command(t.Context(), "sh", args...)
	ended, ran := errors.AsType[*exec.ExitError](err)
	if !ran {
		t.Fatalf("the hunter ended with %v:\n%s", err, out)
	}
	switch code := ended.ExitCode(); {
	case m.caught == nil && code == exitNotFound, code == exitFound:
		t.Logf("%.300s", cmp.Or(out, "by none, as it ought to be"))
	case m.caught == nil && code == exitOther:
		t.Fatalf("%s: that is no defect, but it was found %s", m.what, out)
	case code == exitOther:
		t.Fatalf("%s: not found by %v in %d runs, but %s", m.what, m.caught, most, out)
	case code == exitNotFound:
		t.Fatalf("%s: not found by %v in %d runs", m.what, m.caught, most)
	case m.caught != nil && strings.Contains(out, "out of memory"):
		t.Log("by taking more memory than there is")
	default:
		t.Fatalf("%s: the hunter ended with %v:\n%s", m.what, err, out)
	}
}
