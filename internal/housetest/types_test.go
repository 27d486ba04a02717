// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// load type-checks packages, given as folders relative to the tree.
func load(t *testing.T, folders ...string) []*packages.Package {
	t.Helper()
	cfg := &packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedSyntax |
			packages.NeedTypes | packages.NeedTypesInfo,
		Dir: "../..",
	}
	patterns := make([]string, len(folders))
	for i, folder := range folders {
		patterns[i] = "./" + folder
	}
	loaded, err := packages.Load(cfg, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range loaded {
		if len(pkg.Errors) > 0 {
			t.Errorf("%s does not type-check: %v", pkg.PkgPath, pkg.Errors[0])
		}
	}
	return loaded
}

// TestSimulatedPackages holds the packages that are simulated to their rules.
func TestSimulatedPackages(t *testing.T) {
	tree := open(t)
	var folders []string
	for _, folder := range simulated {
		if tree.has(folder) {
			folders = append(folders, folder)
		} else {
			t.Errorf("%s is listed as simulated, and is not there", folder)
		}
	}
	name := relativeTo(t, tree)
	pardoned := make(map[string]bool)
	for _, pkg := range load(t, folders...) {
		for _, f := range checkDeterminism(pkg, name) {
			if _, ok := exempt[f.file]; ok {
				pardoned[f.file] = true
			} else {
				t.Error(f)
			}
		}
	}
	for file := range exempt {
		if !pardoned[file] {
			t.Errorf("%s is exempt, and breaks no rule: take it off the list", file)
		}
	}
}

// TestSimulatedPackagesCatches breaks each rule on a line that says so, and counts on
// silence about the others.
func TestSimulatedPackagesCatches(t *testing.T) {
	wantMarked(t, checkDeterminism, "determinism", "locks")
}

// TestStoreWrites holds everyone but the registry to reading.
func TestStoreWrites(t *testing.T) {
	name := relativeTo(t, open(t))
	for _, pkg := range load(t, storeReaders...) {
		report(t, checkStoreWrites(pkg, name))
	}
}

func TestStoreWritesCatches(t *testing.T) {
	wantMarked(t, checkStoreWrites, "writes")
}

// relativeTo returns what names files relative to the tree.
func relativeTo(t *testing.T, tree *tree) func(file string) string {
	return func(file string) string {
		rel, err := filepath.Rel(tree.root, file)
		if err != nil {
			t.Fatal(err)
		}
		return filepath.ToSlash(rel)
	}
}

// wantMarked holds the findings of a rule in packages of test data against the comments there.
func wantMarked(t *testing.T, check func(*packages.Package, func(string) string) []finding, folders ...string) {
	t.Helper()
	for i, folder := range folders {
		folders[i] = "internal/housetest/testdata/" + folder
	}
	for _, pkg := range load(t, folders...) {
		found := check(pkg, func(file string) string { return file })
		if len(found) == 0 {
			t.Errorf("%s: nothing found", pkg.PkgPath)
		}
		for _, file := range pkg.GoFiles {
			for line, problem := range compare(t, file, found) {
				t.Errorf("%s:%d: %s", filepath.Base(file), line, problem)
			}
		}
	}
}

var wanted = regexp.MustCompile(`want "([^"]*)"`)

// compare yields the lines of file on which the findings are not those that it wants.
func compare(t *testing.T, file string, found []finding) map[int]string {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	problems := make(map[int]string)
	for i, text := range strings.Split(string(content), "\n") {
		line := i + 1
		var here []string
		for _, f := range found {
			if f.file == file && f.line == line {
				here = append(here, f.message)
			}
		}
		for _, want := range wanted.FindAllStringSubmatch(text, -1) {
			at := slices.IndexFunc(here, func(m string) bool { return strings.Contains(m, want[1]) })
			if at < 0 {
				problems[line] = fmt.Sprintf("no finding that contains %q", want[1])
				continue
			}
			here = slices.Delete(here, at, at+1)
		}
		if len(here) > 0 {
			problems[line] = fmt.Sprintf("unexpected: %q", here)
		}
	}
	return problems
}
