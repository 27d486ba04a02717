// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const (
	binding = "github.com/apple/foundationdb/bindings/go/src/fdb"
	module  = "github.com/kelpiehq/kelpie"
	// moduleRoot is where the module is, from here.
	moduleRoot = "../../.."
	tag        = "fdb"
)

// TestTypes type-checks every package of the module that has a file with the tag fdb, with its tests, against the
// binding's source. It needs neither FoundationDB's library nor its headers: what the binding takes from C is not
// looked at.
func TestTypes(t *testing.T) {
	c := newChecker()
	c.parse(t, binding, "")
	tagged := taggedDirs(t, moduleRoot)
	for _, dir := range tagged {
		c.parse(t, path.Join(module, filepath.ToSlash(dir)), filepath.Join(moduleRoot, dir))
	}
	for _, known := range []string{"pkg/kv/fdb", "pkg/host"} {
		if !slices.Contains(tagged, filepath.FromSlash(known)) {
			t.Errorf("%s is not among the packages with the tag: %q", known, tagged)
		}
	}
	c.load(t)
	if c.check(binding); len(c.errors) > 0 {
		t.Fatalf("the binding itself does not type-check: %v", c.errors)
	}
	for _, pkg := range slices.Sorted(maps.Keys(c.files)) {
		c.errors = nil
		if _, err := c.Import(pkg); err != nil {
			t.Error(err)
		}
		for _, err := range c.errors {
			t.Error(err)
		}
	}
}

// taggedDirs returns the directories of Go packages below root with a file that is built with the tag only, relative
// to it.
func taggedDirs(t *testing.T, root string) []string {
	t.Helper()
	dirs := make(map[string]bool)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(file, ".go"):
			return nil
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if isTagged(string(content)) {
			dir, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			dirs[dir] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(dirs))
}

// isTagged reports whether a Go file is built with the tag, and not without it, where all other tags are set.
func isTagged(content string) bool {
	for line := range strings.Lines(content) {
		if !constraint.IsGoBuild(line) {
			continue
		}
		expr, err := constraint.Parse(strings.TrimSpace(line))
		return err == nil &&
			expr.Eval(func(string) bool { return true }) && !expr.Eval(func(name string) bool { return name != tag })
	}
	return false
}

// TestTaggedDirs shows which files are taken for such as need the tag.
func TestTaggedDirs(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"with/a.go":          "//go:build fdb\n\npackage with\n",
		"too/a_test.go":      "// Copyright\n\n//go:build unix && fdb\n\npackage too\n",
		"without/a.go":       "//go:build !fdb\n\npackage without\n",
		"other/a.go":         "//go:build linux\n\npackage other\n",
		"none/a.go":          "package none\n",
		"with/testdata/a.go": "//go:build fdb\n\npackage testdata\n",
		"text/a.txt":         "//go:build fdb\n",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := taggedDirs(t, root); !slices.Equal(got, []string{"too", "with"}) {
		t.Errorf("found %q, want too and with", got)
	}
}

// TestTypesCatches breaks uses of the binding, after one that is right.
func TestTypesCatches(t *testing.T) {
	c := newChecker()
	c.parse(t, binding, "")
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
		if got := fmt.Sprint(c.errors); planted.want == "" && len(c.errors) > 0 ||
			!strings.Contains(got, planted.want) {
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

// parse adds the files of a package that the tag fdb and cgo choose, and its tests. Without a directory, it is one of
// another module, whose tests do not matter.
func (c *checker) parse(t *testing.T, pkg, dir string) {
	t.Helper()
	tagged := build.Default
	tagged.BuildTags = []string{tag}
	tagged.CgoEnabled = true
	var found *build.Package
	var err error
	if dir == "" {
		found, err = tagged.Import(pkg, ".", 0)
	} else {
		found, err = tagged.ImportDir(dir, 0)
	}
	if _, none := errors.AsType[*build.NoGoError](err); err != nil && !none {
		t.Fatal(err)
	}
	names := slices.Concat(found.GoFiles, found.CgoFiles)
	if dir != "" {
		names = append(names, found.TestGoFiles...)
	}
	for _, name := range names {
		c.add(t, pkg, filepath.Join(found.Dir, name), nil)
	}
	for _, name := range found.XTestGoFiles {
		if dir != "" {
			c.add(t, pkg+"_test", filepath.Join(found.Dir, name), nil)
		}
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
	cfg := &packages.Config{
		Mode: packages.NeedName | packages.NeedImports | packages.NeedTypes | packages.NeedExportFile}
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

// check type-checks a parsed package, and those that it imports, and collects the errors.
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
	if c.known[path] == nil && c.files[path] != nil {
		c.check(path)
	}
	if pkg := c.known[path]; pkg != nil {
		return pkg, nil
	}
	return nil, fmt.Errorf("%s is not loaded", path)
}
