// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"flag"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var rewriteWords = flag.Bool("rewrite-words", false, "record the count of avoided phrases in files where it has fallen")

// avoidedFile lists the files that still hold avoided phrases, and how many. No count may grow.
const avoidedFile = "testdata/avoided.txt"

// avoidedGroups are folders that are counted as one, so that code can move between their files.
var avoidedGroups = []string{"pkg/node/", "pkg/sim/"}

// avoided matches phrases that are correct English, but that a native engineer would not say. Write what the standard
// library would: "again" or "new", a number, "at most", the name of who does it. This file splits the phrases so that
// it does not match itself.
var avoided = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"an" + "ew", "so" + " many", "at the" + " most", "in" + " vain", "no" + "body", "who" + "ever", "is told" + " of",
	"goes" + " by", "had" + " better", "it is" + " said", "of" + " before", "for the" + " looks",
}, "|") + `)\b`)

// betweenLines is a line break with the indentation and the comment marker of the next line.
var betweenLines = regexp.MustCompile(`\s*\n\s*(?://|#)?\s*`)

func avoidedPhrases(content string) int {
	return len(avoided.FindAllString(betweenLines.ReplaceAllString(content, " "), -1))
}

// isProse reports whether people write file's text. Generated documentation repeats the help of the commands.
func isProse(file string) bool {
	switch path.Ext(file) {
	case ".go", ".md", ".sh":
		return !inTestdata(file) && file != "docs/cli.md"
	}
	return path.Base(file) == "Makefile"
}

// avoidedEntry is the line of avoidedFile that counts file.
func avoidedEntry(file string) string {
	for _, group := range avoidedGroups {
		if strings.HasPrefix(file, group) {
			return group
		}
	}
	return file
}

// TestAvoidedPhrases lets no file have more of the avoided phrases than avoidedFile records.
func TestAvoidedPhrases(t *testing.T) {
	tree := open(t)
	now := map[string]int{}
	var entries []string
	for _, file := range tree.match(isProse) {
		n := avoidedPhrases(string(read(t, tree, file)))
		entry := avoidedEntry(file)
		if _, known := now[entry]; !known {
			entries = append(entries, entry)
		}
		now[entry] += n
	}
	before := readCounts(t, avoidedFile)
	var lines strings.Builder
	for _, entry := range entries {
		n, most := now[entry], before[entry]
		switch {
		case n > most:
			t.Errorf("%s: %d phrases that readers trip over, at most %d allowed: rephrase what matches %s",
				entry, n, most, avoided)
		case n < most && !*rewriteWords:
			// This does not fail: an author who rephrases a comment need not know this test.
			t.Logf("%s: %d avoided phrases, fewer than the %d recorded: "+
				"run go test ./internal/housetest -run TestAvoidedPhrases -rewrite-words", entry, n, most)
		}
		if n = min(n, most); n > 0 {
			fmt.Fprintf(&lines, "%s %d\n", entry, n)
		}
	}
	if *rewriteWords {
		if err := os.WriteFile(avoidedFile, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAvoidedPhrasesCatches(t *testing.T) {
	for text, want := range map[string]int{
		"the same once more":                        0,
		"Starts an" + "ew; no" + "body waits":       2,
		"\t// at the\n\t// " + "most three":         1,
		"who" + "ever\nis told" + " of it":          2,
		"unable to reanew, at the mostly dry shore": 0,
	} {
		if got := avoidedPhrases(text); got != want {
			t.Errorf("%q: %d phrases, want %d", text, got, want)
		}
	}
	for file, want := range map[string]string{
		"pkg/node/internal/call/call.go": "pkg/node/",
		"pkg/kv/kv.go":                   "pkg/kv/kv.go",
	} {
		if got := avoidedEntry(file); got != want {
			t.Errorf("%s is counted as %s, want %s", file, got, want)
		}
	}
}
