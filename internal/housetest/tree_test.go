// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T) *tree {
	t.Helper()
	tree, err := openTree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func read(t *testing.T, tree *tree, file string) []byte {
	t.Helper()
	content, err := tree.read(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func parse(t *testing.T, fset *token.FileSet, file string, content []byte) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(fset, file, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// wantFindings holds the findings of a planted violation against parts of their messages, in order.
func wantFindings(t *testing.T, found []finding, want ...string) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("found %q, want %q", found, want)
		return
	}
	for i, f := range found {
		if !strings.Contains(f.message, want[i]) {
			t.Errorf("found %q, want it to contain %q", f, want[i])
		}
	}
}

// TestTree makes sure that the other tests look at something.
func TestTree(t *testing.T) {
	tree := open(t)
	for _, file := range []string{"go.mod", "internal/housetest", "internal/housetest/tree_test.go"} {
		if !tree.has(file) {
			t.Errorf("%s is not in the tree", file)
		}
	}
	for _, file := range []string{"go.mo", "internal/houset", "internal/housetest/tree_test.g"} {
		if tree.has(file) {
			t.Errorf("%s is in the tree", file)
		}
	}
	walked, err := walkFiles(tree.root)
	if err != nil {
		t.Fatal(err)
	}
	if len(walked) < len(tree.files) {
		t.Errorf("without git %d files are seen, with it %d", len(walked), len(tree.files))
	}
}

// TestImports holds every file to what its package may import.
func TestImports(t *testing.T) {
	tree := open(t)
	var all []goImport
	var pkgs []string
	for _, file := range tree.goFiles() {
		content := read(t, tree, file)
		if inNested(file) || content == nil {
			continue
		}
		pkgs = append(pkgs, path.Dir(file))
		imports, err := parseImports(file, content)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, imports...)
	}
	report(t, checkPackages(slices.Compact(pkgs)))
	for _, imp := range all {
		report(t, checkImport(imp))
	}
	report(t, checkAllowances(all))
	report(t, checkDependencies(string(read(t, tree, "go.mod"))))
}

func TestImportsCatches(t *testing.T) {
	for _, test := range []struct{ file, imported, want string }{
		{"pkg/api/a.go", "fmt", ""},
		{"pkg/api/a.go", msgpack, "standard library is enough"},
		{"pkg/env/a.go", module + "/pkg/api", "pkg/env may not import pkg/api"},
		{"pkg/kv/a.go", module + "/pkg/rpc", "knows neither actors nor the network"},
		{"pkg/kv/remote/a.go", module + "/pkg/rpc", ""},
		{"pkg/rpc/a.go", yamux, "no transport"},
		{"pkg/rpc/tcp/a.go", yamux, ""},
		{"pkg/kv/occ/a.go", pebble + "/vfs", "which one, it must not know"},
		{"pkg/kv/occ/pebbledb/a.go", pebble + "/vfs", ""},
		{"pkg/registry/a.go", module + "/pkg/node", "pkg/registry may not import pkg/node"},
		{"pkg/client/a.go", module + "/pkg/kv", "never the store"},
		{"pkg/client/a_test.go", module + "/pkg/kv", ""},
		{"pkg/client/a.go", goleak, "pkg/client may not import " + goleak},
		{"pkg/client/a_test.go", goleak, ""},
		{"pkg/node/a.go", "testing", "linked into the product"},
		{"pkg/kv/kvtest/a.go", "testing", ""},
		{"pkg/node/a.go", module + "/pkg/kv/kvtest", "is for tests"},
		{"pkg/node/a_test.go", module + "/pkg/kv/kvtest", ""},
		{"examples/bank/a.go", module + "/pkg/host", ""},
		{"examples/bank/a.go", module + "/pkg/node", "what its reader would use"},
		{"pkg/api/a.go", pebble + "x", "pkg/api may not import"},
	} {
		found := checkImport(goImport{test.file, 1, test.imported})
		if test.want == "" {
			wantFindings(t, found)
		} else {
			wantFindings(t, found, test.want)
		}
	}
	wantFindings(t, checkPackages([]string{"pkg/api", "pkg/new", "examples/bank"}), "not in the table")

	used := []goImport{{"pkg/env/coro/a_test.go", 1, module + "/pkg/env"}}
	unused := func(f finding) bool { return strings.HasPrefix(f.message, "pkg/env/coro does not import pkg/env:") }
	if !slices.ContainsFunc(checkAllowances(used), unused) {
		t.Error("an import that only a test has counts as used")
	}
	used = append(used, goImport{"pkg/env/coro/a.go", 1, module + "/pkg/env"})
	if slices.ContainsFunc(checkAllowances(used), unused) {
		t.Error("an import that is used counts as unused")
	}
}

func TestParseImports(t *testing.T) {
	imports, err := parseImports(
		"a.go", []byte("//go:build never\n\npackage a\n\nimport (\n\t\"fmt\"\n\tx \"os\"\n)\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) != 2 || imports[1] != (goImport{"a.go", 7, "os"}) {
		t.Errorf("parsed %v", imports)
	}
}

func TestDependenciesCatches(t *testing.T) {
	wantFindings(t, checkDependencies(`module m
go 1.26.0
require example.org/single v1.0.0
require (
	example.org/direct v1.2.3
	example.org/needed v1.2.3 // indirect
	`+yamux+` v0.1.2
)`), "example.org/single", "example.org/direct")
}

// TestText holds every file to its header and looks for leftovers.
func TestText(t *testing.T) {
	tree := open(t)
	for _, file := range tree.goFiles() {
		if content := read(t, tree, file); content != nil {
			report(t, checkHeader(file, content))
		}
	}
	for _, file := range tree.match(isText) {
		report(t, checkLeftovers(file, read(t, tree, file)))
	}
}

func TestTextCatches(t *testing.T) {
	wantFindings(t, checkHeader("a.go", []byte(header+"\npackage a\n")))
	wantFindings(t, checkHeader("a.go", []byte(header+"package a\n")), "licence header")
	wantFindings(t, checkHeader("a.go", []byte("package a\n")), "licence header")

	wantFindings(t, checkLeftovers("a.go", []byte("a\n// TO"+"DO: more\n")), "do it now")
	wantFindings(t, checkLeftovers("a.go", []byte("// FIX"+"ME\n// X"+"XX\n")), "do it now", "do it now")
	// Words that only contain a marker are none.
	wantFindings(t, checkLeftovers("a.go", []byte("mastodons, X"+"XXL, todo")))
	wantFindings(t, checkLeftovers("a.md", []byte("see `/ro"+"ot/a` or /wo"+"rk/b")), "path of one machine")
	wantFindings(t, checkLeftovers("a.md", []byte("https://example.org/wo"+"rk/a")))
	if found := checkLeftovers("a.go", []byte("a\nb\n// TO"+"DO\n")); len(found) != 1 || found[0].line != 3 {
		t.Errorf("found %v, want it on line 3", found)
	}
}

// TestComments wants a contract for each package and a comment on each exported name.
func TestComments(t *testing.T) {
	tree := open(t)
	fset := token.NewFileSet()
	inherited := make(map[string]bool)
	var sources []string
	parsed := make(map[string]*ast.File)
	for _, file := range tree.goFiles() {
		if content := read(t, tree, file); content != nil && !isTest(file) {
			sources = append(sources, file)
			parsed[file] = parse(t, fset, file, content)
			interfaceMethods(parsed[file], inherited)
		}
	}
	undocumented := make(map[string]bool)
	for _, file := range sources {
		report(t, checkPackageComment(file, parsed[file]))
		if strings.HasPrefix(file, "pkg/") {
			report(t, checkExported(file, fset, parsed[file], inherited))
		}
		folder := path.Dir(file)
		if parsed[path.Join(folder, "doc.go")] == nil && !undocumented[folder] {
			undocumented[folder] = true
			t.Errorf("%s: there is no doc.go with the package's comment", folder)
		}
	}
}

func TestPackageCommentCatches(t *testing.T) {
	for _, test := range []struct{ file, source, want string }{
		{"p/doc.go", "// Package p is.\npackage p", ""},
		{"p/doc.go", "package p", "must hold the package's comment"},
		{"p/doc.go", "// Package q is.\npackage p", "must hold the package's comment"},
		{"p/doc.go", "// Kelpie is.\npackage main", ""},
		{"p/doc.go", "package main", "comment of the command"},
		{"p/a.go", "package p", ""},
		{"p/a.go", "// Package p is.\npackage p", "belongs into doc.go"},
	} {
		found := checkPackageComment(test.file, parse(t, token.NewFileSet(), test.file, []byte(test.source)))
		if test.want == "" {
			wantFindings(t, found)
		} else {
			wantFindings(t, found, test.want)
		}
	}
}

func TestExportedCatches(t *testing.T) {
	const source = `package p

type Bare struct{}

// Told is.
type Told[T any] struct{}

func (t *Told[T]) Method() {}
func (t *Told[T]) Inherited() {}
func (t *Told[T]) Error() string { return "" }

type hidden struct{}

func (h hidden) Method() {}

// Doer does.
type Doer interface{ Inherited() }

func Func() {}
func own() {}

const One = 1

const (
	A hidden = iota
	B
)

var (
	X = 1 // X is.
	Y = 2
)

const (
	// P and Q are.
	P = 1
	Q = 2
	R = 3
)
`
	fset := token.NewFileSet()
	parsed := parse(t, fset, "p/a.go", []byte(source))
	inherited := make(map[string]bool)
	interfaceMethods(parsed, inherited)
	wantFindings(t, checkExported("p/a.go", fset, parsed, inherited),
		"type Bare", "func Method", "func Func", "const One", "var Y", "const R")
}

// TestLinks follows the links of every document.
func TestLinks(t *testing.T) {
	tree := open(t)
	content := func(file string) string { return string(read(t, tree, file)) }
	for _, file := range tree.match(func(file string) bool { return path.Ext(file) == ".md" && !inTestdata(file) }) {
		report(t, checkLinks(file, content(file), tree.has, content))
	}
}

// TestPaths finds every file and package that a document names. Decisions and the list of changes tell of their time.
func TestPaths(t *testing.T) {
	tree := open(t)
	for _, file := range tree.match(func(file string) bool {
		return path.Ext(file) == ".md" && !inTestdata(file) && path.Dir(file) != "docs/adr" && file != "CHANGELOG.md"
	}) {
		report(t, checkPaths(file, string(read(t, tree, file)), tree.files, tree.has))
	}
}

func TestPathsCatches(t *testing.T) {
	files := []string{"pkg/node/internal/a/slot.go", "pkg/b"}
	has := func(file string) bool { return slices.Contains(files, file) }
	for text, want := range map[string]string{
		"see `pkg/b`, pkg/c and `go test ./pkg/c`": "",
		"| `pkg/b`, `pkg/node/slot.go` |":          "is it pkg/node/internal/a/slot.go now?",
		"`cmd/kelpie`":                             "name the file that holds this now",
	} {
		found := checkPaths("docs/a.md", text, files, has)
		if want == "" {
			wantFindings(t, found)
		} else {
			wantFindings(t, found, want)
		}
	}
}

// TestLifeOfACall holds the table in docs/architecture.md to naming a package or a file for each step: TestPaths
// looks whether it exists.
func TestLifeOfACall(t *testing.T) {
	const page, heading = "docs/architecture.md", "## The life of a call"
	cells := tableCells(string(read(t, open(t), page)), heading, 1)
	if len(cells) < 5 {
		t.Fatalf("%s: %d steps in the table under %q", page, len(cells), heading)
	}
	for _, cell := range cells {
		if !codePath.MatchString(cell) || strings.Trim(codePath.ReplaceAllString(cell, ""), ", ") != "" {
			t.Errorf("%s, %q: %q is not a list of paths in code type", page, heading, cell)
		}
	}
	planted := "\n## H\n\n| a | b |\n|---|---|\n| 1 | x |\n| 2 | y |\n\n| 3 | z |\n## I\n"
	if got := tableCells(planted, "## H", 1); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("cells of a table: %q", got)
	}
}

func TestLinksCatches(t *testing.T) {
	files := map[string]string{
		"README.md":   "",
		"docs/a.md":   "# One `two`, three!\n\n```\n# code\n```\n",
		"docs/adr":    "",
		"LICENSE":     "",
		"docs/b c.md": "",
	}
	has := func(file string) bool { _, ok := files[file]; return ok }
	read := func(file string) string { return files[file] }
	for _, test := range []struct{ text, want string }{
		{"[a](a.md) [l](../LICENSE) [d](adr) [w](https://example.org/x.md) ![i](../README.md \"title\")", ""},
		{"[a](a.md#one-two-three)", ""},
		{"[a](nowhere.md)", "there is no docs/nowhere.md"},
		{"[a](/LICENSE)", "there is no docs/LICENSE"},
		{"[a](a.md#four)", "no heading"},
		{"[a](a.md#code)", "no heading"},
		{"[a](#absent)", "no heading"},
		{"`[a](nowhere.md)`", ""},
		{"```\n[a](nowhere.md)\n```", ""},
		{"```\ncode\n```\n[a](nowhere.md)", "there is no docs/nowhere.md"},
	} {
		found := checkLinks("docs/x.md", test.text, has, read)
		if test.want == "" {
			wantFindings(t, found)
		} else {
			wantFindings(t, found, test.want)
		}
	}
}
