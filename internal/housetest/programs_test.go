// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/tools/go/packages"
)

// goBlock is a fenced block of Go in Markdown that is a whole program.
var goBlock = regexp.MustCompile("(?ms)^```go\n(package main$.*?)^```$")

// TestDocumentedPrograms type-checks the programs that documents show: a reader will paste them.
func TestDocumentedPrograms(t *testing.T) {
	tree := open(t)
	overlay := make(map[string][]byte)
	var patterns []string
	for _, file := range tree.match(func(file string) bool { return path.Ext(file) == ".md" && !inTestdata(file) }) {
		for i, block := range goBlock.FindAllSubmatch(read(t, tree, file), -1) {
			folder := path.Join("internal/housetest/testdata/programs", file, strconv.Itoa(i))
			overlay[filepath.Join(tree.root, filepath.FromSlash(folder), "main.go")] = block[1]
			patterns = append(patterns, "./"+folder)
		}
	}
	if len(patterns) == 0 {
		t.Fatal("no document shows a program; README.md should")
	}
	cfg := &packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedSyntax |
			packages.NeedTypes | packages.NeedTypesInfo,
		Dir:     tree.root,
		Overlay: overlay,
	}
	loaded, err := packages.Load(cfg, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range loaded {
		for _, err := range pkg.Errors {
			t.Errorf("%s: %v", pkg.PkgPath, err)
		}
	}
}
