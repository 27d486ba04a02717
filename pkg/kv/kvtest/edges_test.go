// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	_ "embed" // the table
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/README.md
var recorded string

// TestEdgesAreAll shows that every line of the recorded table has a test, in its order.
func TestEdgesAreAll(t *testing.T) {
	_, table, _ := strings.Cut(recorded, "## Limits and edges")
	var want, got []string
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") {
			want = append(want, line)
		}
	}
	for _, edge := range edges {
		got = append(got, "| "+edge.done+" | "+edge.answer+" |")
	}
	if len(want) < 2 || !slices.Equal(got, want[1:]) {
		t.Errorf("the tests are of\n%s\nand the table has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
