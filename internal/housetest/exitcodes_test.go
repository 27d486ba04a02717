// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestExitCodes holds docs/exit-codes.md against the table that the commands use.
func TestExitCodes(t *testing.T) {
	const source, document = "pkg/host/exit.go", "docs/exit-codes.md"
	tree := open(t)
	content := read(t, tree, source)
	if content == nil {
		t.Fatalf("%s is not there", source)
	}
	want := exitCodeRows(t, parse(t, token.NewFileSet(), source, content))
	if len(want) < 2 {
		t.Fatalf("%s: no table of exit codes found", source)
	}
	var have []string
	for text := range strings.Lines(string(read(t, tree, document))) {
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "| ") && !strings.HasPrefix(text, "| code ") {
			have = append(have, text)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s should have the rows\n%s", document, strings.Join(want, "\n"))
	}
}

// exitCodeRows renders, as rows of Markdown, the literals {ExitX, name, meaning} of a file.
func exitCodeRows(t *testing.T, parsed *ast.File) []string {
	t.Helper()
	values := make(map[string]string)
	var rows []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					if lit, ok := n.Values[i].(*ast.BasicLit); ok {
						values[name.Name] = lit.Value
					}
				}
			}
		case *ast.CompositeLit:
			if len(n.Elts) != 3 {
				return true
			}
			code, isCode := n.Elts[0].(*ast.Ident)
			name, isName := n.Elts[1].(*ast.BasicLit)
			meaning, isMeaning := n.Elts[2].(*ast.BasicLit)
			if isCode && isName && isMeaning {
				rows = append(rows, fmt.Sprintf("| %s | %s | %s |", values[code.Name], unquote(t, name), unquote(t, meaning)))
			}
		}
		return true
	})
	return rows
}

func unquote(t *testing.T, lit *ast.BasicLit) string {
	t.Helper()
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
