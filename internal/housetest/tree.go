// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package housetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// module is the path that internal imports begin with.
const module = "github.com/kelpiehq/kelpie"

// finding is one place where a rule is broken.
type finding struct {
	file    string // relative to the root of the tree
	line    int    // 0 for the file as a whole
	message string
}

func (f finding) String() string {
	if f.line == 0 {
		return fmt.Sprintf("%s: %s", f.file, f.message)
	}
	return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.message)
}

// tree is the source as it stands: every file that is tracked, or is new and not ignored.
type tree struct {
	root  string
	files []string // slash-separated, relative to root, sorted
}

// openTree finds the tree that this package lies in.
func openTree() (*tree, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("no module at %s: %w", root, err)
	}
	files, err := listFiles(root)
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	return &tree{root: root, files: slices.Compact(files)}, nil
}

// listFiles asks git; a tree without git, such as an unpacked archive, is walked.
func listFiles(root string) ([]string, error) {
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	out, err := git.Output()
	if err != nil {
		return walkFiles(root)
	}
	var files []string
	for name := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		// A file that is tracked may have been deleted and not yet committed.
		if _, err := os.Lstat(filepath.Join(root, string(name))); err == nil {
			files = append(files, string(name))
		}
	}
	return files, nil
}

func walkFiles(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (rel == ".git" || rel == "bin"):
			return filepath.SkipDir
		case d.Type().IsRegular():
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	return files, err
}

// read returns a file's content, nil if it is gone meanwhile.
func (t *tree) read(file string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(t.root, filepath.FromSlash(file)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// has reports whether file, or a folder of that name, is in the tree.
func (t *tree) has(file string) bool {
	i, found := slices.BinarySearch(t.files, file)
	if found {
		return true
	}
	folder := file + "/"
	// Names such as "a.b" sort between "a" and "a/".
	for ; i < len(t.files) && t.files[i] < folder; i++ {
	}
	return i < len(t.files) && strings.HasPrefix(t.files[i], folder)
}

// goFiles returns the Go files of this module and of those beside it, without test data.
func (t *tree) goFiles() []string {
	return t.match(func(file string) bool {
		return path.Ext(file) == ".go" && !inTestdata(file)
	})
}

func (t *tree) match(want func(file string) bool) []string {
	var files []string
	for _, file := range t.files {
		if want(file) {
			files = append(files, file)
		}
	}
	return files
}

func inTestdata(file string) bool {
	return slices.Contains(strings.Split(file, "/"), "testdata")
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

// inNested reports whether file belongs to a module of its own.
func inNested(file string) bool { return strings.HasPrefix(file, "bench/") }
