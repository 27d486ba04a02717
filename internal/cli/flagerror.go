// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// flagError makes an error of pflag's say what a person needs to know.
func flagError(cmd *cobra.Command, err error) error {
	if like := suggestFlag(cmd, err); like != "" {
		return Advise(api.Errorf(api.CodeInvalidArgument, "%s", err), "did you mean %s?", like)
	}
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	expected := map[string]string{"duration": "write a duration such as 500ms, 30s or 5m",
		"bool": "must be true or false"}[invalid.GetFlag().Value.Type()]
	if expected == "" {
		return err
	}
	return api.Errorf(api.CodeInvalidArgument, "invalid argument %q for \"--%s\" flag: %s", invalid.GetValue(),
		invalid.GetFlag().Name, expected)
}

// suggestFlag says of an error about a flag that cmd does not have which one may have been meant, "" if none is like
// it.
func suggestFlag(cmd *cobra.Command, err error) string {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	like := meant(unknown.GetSpecifiedName(), names)
	for i := range like {
		like[i] = "--" + like[i]
	}
	return strings.Join(like, " or ")
}

// meant returns, in order, the names that somebody who wrote another may have meant: those that begin with it, or else
// those that are the fewest letters off: at most one letter in three and at most two, unless they shorten it.
func meant(written string, names []string) (like []string) {
	if len(written) < 2 {
		return nil
	}
	fewest := 0
	for _, name := range names {
		off := 0
		if !strings.HasPrefix(name, written) {
			off = distance(name, written)
			if off > min(max(1, min(len(name), len(written))/3), 2) && !shortens(name, written) {
				continue
			}
		}
		if len(like) == 0 || off < fewest {
			like, fewest = nil, off
		}
		if off == fewest {
			like = append(like, name)
		}
	}
	slices.Sort(like)
	return like
}

// distance is how many letters are to be put in, taken out, changed, or swapped with the next, to make b of a (the
// restricted distance of Damerau, 1964).
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// shortens reports whether a name is made of letters of what was written, in order and from the first on, at least half
// of them: as ls is of list.
func shortens(name, written string) bool {
	if name == "" || written == "" || name[0] != written[0] || 2*len(name) < len(written) {
		return false
	}
	for i := range len(written) {
		if name != "" && name[0] == written[i] {
			name = name[1:]
		}
	}
	return name == ""
}
