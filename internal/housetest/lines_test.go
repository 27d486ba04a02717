// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

var rewriteLines = flag.Bool("rewrite-lines", false, "record how many long lines a file has, where they are fewer")

const (
	// columnsMax is how wide a line of Go may be, with a tab for four columns.
	columnsMax = 120
	// longLinesFile has the files that are older than the rule, and how many longer lines each may have. It may only
	// shrink.
	longLinesFile = "testdata/longlines.txt"
)

func longLines(content string) (n int) {
	for line := range strings.SplitSeq(content, "\n") {
		if utf8.RuneCountInString(line)+3*strings.Count(line, "\t") > columnsMax {
			n++
		}
	}
	return n
}

// readCounts reads a file of lines "NAME COUNT".
func readCounts(t *testing.T, name string) map[string]int {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(content)) {
		var entry string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d", &entry, &n); err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		counts[entry] = n
	}
	return counts
}

// TestLineWidth holds every file to lines of columnsMax columns, or to as many long ones as it had.
func TestLineWidth(t *testing.T) {
	before := readCounts(t, longLinesFile)
	tree := open(t)
	var now strings.Builder
	for _, file := range tree.goFiles() {
		n, most := longLines(string(read(t, tree, file))), before[file]
		delete(before, file)
		switch {
		case n > most:
			t.Errorf("%s: %d lines are wider than %d columns, and %d may be: wrap them", file, n, columnsMax, most)
		case n < most && !*rewriteLines:
			t.Errorf("%s: %d lines are wider than %d columns, fewer than the %d recorded: "+
				"run go test ./internal/housetest -run TestLineWidth -rewrite-lines", file, n, columnsMax, most)
		}
		if n = min(n, most); n > 0 {
			fmt.Fprintf(&now, "%s %d\n", file, n)
		}
	}
	if len(before) > 0 && !*rewriteLines {
		t.Errorf("%s has files that are gone: %v", longLinesFile, before)
	}
	if *rewriteLines {
		if err := os.WriteFile(longLinesFile, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLineWidthCatches(t *testing.T) {
	wide := strings.Repeat("x", columnsMax)
	if longLines(wide) != 0 || longLines("\t"+wide[4:]) != 0 ||
		longLines("short\n"+wide+"x\n") != 1 || longLines("\t"+wide[4:]+"x") != 1 {
		t.Error("long lines are miscounted")
	}
}
