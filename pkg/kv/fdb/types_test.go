// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const (
	binding = "github.com/apple/foundationdb/bindings/go/src/fdb"
	self    = "github.com/kelpiehq/kelpie/pkg/kv/fdb"
	host    = "github.com/kelpiehq/kelpie/pkg/host"
)

// TestTypes type-checks what is built with the tag fdb, here and in pkg/host, against the binding's source. It needs neither
// FoundationDB's library nor its headers: what the binding takes from C is not looked at.
func TestTypes(t *testing.T) {
	c := newChecker()
	c.parse(t, binding)
	c.parse(t, self)
	c.parse(t, host)
	c.load(t)
	if c.check(binding); len(c.errors) > 0 {
		t.Fatalf("the binding itself does not type-check: %v", c.errors)
	}
	for _, pkg := range []string{self, host} {
		c.errors = nil
		c.check(pkg)
		for _, err := range c.errors {
			t.Error(err)
		}
	}
}

// TestTypesCatches breaks uses of the binding, after one that is right.
func TestTypesCatches(t *testing.T) {
	c := newChecker()
	c.parse(t, binding)
	for _, planted := range []struct{ source, want string }{
		{"func f(t fdb.Transaction) { t.Set(fdb.Key(nil), nil) }", ""},
		{"func f(t fdb.Transaction) { t.Set(1, nil) }", "cannot use 1"},
		{"func f(t fdb.Transaction) { t.NoSuchMethod() }", "NoSuchMethod undefined"},
		{"var _ fdb.FutureNil = fdb.Transaction{}", "does not implement fdb.FutureNil"},
	} {
		delete(c.files, "planted")
		c.add(t, "planted", "planted.go", "package planted\nimport \""+binding+"\"\n"+planted.source)
		if c.known[binding] == nil {
			c.load(t)
			c.check(binding)
		}
		c.errors = nil
		c.check("planted")
		if got := fmt.Sprint(c.errors); planted.want == "" && len(c.errors) > 0 || !strings.Contains(got, planted.want) {
			t.Errorf("%s: found %s, want %q", planted.source, got, planted.want)
		}
	}
}

// checker type-checks packages from source, and takes what they import from export data.
type checker struct {
	fset   *token.FileSet
	files  map[string][]*ast.File    // by package
	known  map[string]*types.Package // checked or loaded
	errors []error
}

func newChecker() *checker {
	return &checker{
		fset:  token.NewFileSet(),
		files: make(map[string][]*ast.File),
		known: map[string]*types.Package{"unsafe": types.Unsafe},
	}
}

// parse adds the files of a package that the tag fdb and cgo choose, and its tests.
func (c *checker) parse(t *testing.T, pkg string) {
	t.Helper()
	tagged := build.Default
	tagged.BuildTags = []string{"fdb"}
	tagged.CgoEnabled = true
	found, err := tagged.Import(pkg, ".", 0)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(found.GoFiles, found.CgoFiles)
	if pkg == self {
		names = append(names, found.TestGoFiles...)
	}
	for _, name := range names {
		c.add(t, pkg, filepath.Join(found.Dir, name), nil)
	}
}

func (c *checker) add(t *testing.T, pkg, name string, source any) {
	t.Helper()
	file, err := parser.ParseFile(c.fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	c.files[pkg] = append(c.files[pkg], file)
}

// load loads everything that the parsed files import, and that is not itself parsed.
func (c *checker) load(t *testing.T) {
	t.Helper()
	imported := make(map[string]bool)
	for _, files := range c.files {
		for _, file := range files {
			for _, spec := range file.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if name != "C" && name != "unsafe" && c.files[name] == nil {
					imported[name] = true
				}
			}
		}
	}
	cfg := &packages.Config{Mode: packages.NeedName | packages.NeedImports | packages.NeedTypes | packages.NeedExportFile}
	loaded, err := packages.Load(cfg, slices.Sorted(maps.Keys(imported))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range loaded {
		for _, err := range pkg.Errors {
			t.Errorf("%s: %v", pkg.PkgPath, err)
		}
		c.known[pkg.PkgPath] = pkg.Types
	}
}

// check type-checks a parsed package, whose imports must be known, and collects the errors.
func (c *checker) check(pkg string) {
	config := types.Config{
		Importer:    c,
		FakeImportC: true,
		Error:       func(err error) { c.errors = append(c.errors, err) },
	}
	c.known[pkg], _ = config.Check(pkg, c.fset, c.files[pkg], nil) // the error is the first of those collected
}

// Import implements types.Importer.
func (c *checker) Import(path string) (*types.Package, error) {
	if pkg := c.known[path]; pkg != nil {
		return pkg, nil
	}
	return nil, fmt.Errorf("%s is not loaded", path)
}
