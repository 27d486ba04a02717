// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"path"
	"regexp"
	"strings"
	"unicode"
)

var (
	inlineCode   = regexp.MustCompile("`[^`]*`")
	markdownLink = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	codePath     = regexp.MustCompile("`((?:bench|cmd|completions|deploy|docs|examples|internal|pkg|scripts|test)" +
		"/[\\w./-]*\\w)`")
	heading = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
)

// checkLinks wants every relative link of a Markdown file to lead to a file or
// folder of the tree, and its fragment to a heading there. read returns nil for
// what is no file.
func checkLinks(file, content string, has func(string) bool, read func(string) string) []finding {
	var found []finding
	for n, text := range prose(content) {
		for _, match := range markdownLink.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, ":") {
				continue // with a scheme: not of this tree
			}
			to := file
			if target != "" {
				to = path.Join(path.Dir(file), target)
			}
			switch {
			case target != "" && !has(to):
				found = append(found, finding{file, n, "link to " + match[1] + ": there is no " + to})
			case fragment != "" && !hasHeading(read(to), fragment):
				found = append(
					found, finding{file, n, "link to " + match[1] + ": no heading of " + to + " has that name"})
			}
		}
	}
	return found
}

// checkPaths wants every path of the tree that a document names in code type, such as `pkg/node`, to exist.
func checkPaths(file, content string, files []string, has func(string) bool) []finding {
	var found []finding
	n := 0
	for text := range strings.SplitSeq(content, "\n") {
		n++
		for _, match := range codePath.FindAllStringSubmatch(text, -1) {
			if named := match[1]; !has(named) {
				found = append(found, finding{file, n, named + " does not exist" + renamed(named, files)})
			}
		}
	}
	return found
}

// renamed says where files of the same name are.
func renamed(named string, files []string) string {
	var where []string
	for _, file := range files {
		if path.Base(file) == path.Base(named) {
			where = append(where, file)
		}
	}
	if len(where) == 0 {
		return ": name the file that holds this now"
	}
	return ": is it " + strings.Join(where, " or ") + " now?"
}

// tableCells returns one column of the first table after a heading, without the table's head.
func tableCells(content, under string, column int) []string {
	_, section, _ := strings.Cut(content, "\n"+under+"\n")
	var cells []string
	for text := range strings.SplitSeq(section, "\n") {
		row := strings.Split(strings.Trim(text, "|"), "|")
		switch {
		case strings.HasPrefix(text, "#"), !strings.HasPrefix(text, "|") && cells != nil:
			return cells[min(2, len(cells)):]
		case strings.HasPrefix(text, "|") && column < len(row):
			cells = append(cells, strings.TrimSpace(row[column]))
		}
	}
	return cells[min(2, len(cells)):]
}

// prose yields the lines outside of code, numbered from 1, code spans taken out.
func prose(content string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		fence, n := "", 0
		for text := range strings.SplitSeq(content, "\n") {
			n++
			mark := strings.TrimSpace(text)
			switch {
			case fence != "":
				if strings.HasPrefix(mark, fence) {
					fence = ""
				}
			case strings.HasPrefix(mark, "```"), strings.HasPrefix(mark, "~~~"):
				fence = mark[:3]
			case !yield(n, inlineCode.ReplaceAllString(text, "")):
				return
			}
		}
	}
}

// hasHeading reports whether a heading has the anchor, made as GitHub makes it.
func hasHeading(content, anchor string) bool {
	fence := false
	for text := range strings.SplitSeq(content, "\n") {
		if strings.HasPrefix(text, "```") {
			fence = !fence
		}
		if match := heading.FindStringSubmatch(text); match != nil && !fence && slug(match[1]) == anchor {
			return true
		}
	}
	return false
}

func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}
