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

// suggestDistance is how many letters a name may be off, and still be meant.
const suggestDistance = 2

// suggestFlag says of an error about a flag that cmd does not have which one may have been meant, "" if none is like
// it.
func suggestFlag(cmd *cobra.Command, err error) string {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return ""
	}
	var like []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && similar(f.Name, unknown.GetSpecifiedName()) {
			like = append(like, "--"+f.Name)
		}
	})
	slices.Sort(like)
	return strings.Join(like, " or ")
}

// similar reports whether who wrote a name may have meant another: it is a few letters off, or the beginning of it.
func similar(meant, written string) bool {
	return len(written) >= suggestDistance &&
		(strings.HasPrefix(meant, written) || distance(meant, written) <= suggestDistance &&
			distance(meant, written) < len(written))
}

// distance is how many letters are to be put in, taken out or changed to make b of a (Levenshtein, 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
