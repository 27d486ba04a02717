// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// header is how every Go file begins.
const header = "// Copyright 2026 The Kelpie Authors\n// SPDX-License-Identifier: Apache-2.0\n"

// checkHeader wants the header, and an empty line after it: otherwise it would be
// taken for the package's comment.
func checkHeader(file string, content []byte) []finding {
	if !bytes.HasPrefix(content, []byte(header+"\n")) {
		return []finding{{file: file, line: 1, message: "must begin with the two lines of the licence header, as " +
			"every other file does, and an empty line, so that a file copied elsewhere carries its licence"}}
	}
	return nil
}

// The words are put together here, lest this file be found by its own rule.
var leftovers = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{
		regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX"}, "|") + `)\b`),
		"is a promise that nobody keeps: do it now, or open an issue",
	},
	{
		regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(root|work)/`),
		"is a path of one machine: nobody else has it",
	},
}

// checkLeftovers looks for what should not outlive the writing of a file.
func checkLeftovers(file string, content []byte) []finding {
	var found []finding
	line := 0
	for text := range bytes.SplitSeq(content, []byte("\n")) {
		line++
		for _, l := range leftovers {
			if hit := l.pattern.Find(text); hit != nil {
				found = append(found, finding{file, line, strings.TrimSpace(string(hit)) + " " + l.why})
			}
		}
	}
	return found
}

// isText says which files checkLeftovers reads: not data, not checksums, not the licence.
func isText(file string) bool {
	switch path.Ext(file) {
	case ".go", ".md", ".sh", ".yml", ".yaml", ".mod", ".toml", ".txt":
		return !inTestdata(file)
	}
	switch path.Base(file) {
	case "Makefile", "run", ".gitignore":
		return true
	}
	return false
}
