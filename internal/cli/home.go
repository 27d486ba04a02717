// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// pathFlags are the flags whose values are paths, or URLs of stores with a path behind the scheme.
var pathFlags = []string{"data-dir", "store", ConfigFlag}

// ExpandHome returns path with a leading ~ replaced by $HOME. A shell does that for words of the command line, but
// not for what stands in files and variables, nor behind "=" or ":". Errors are CodeInvalidArgument.
func ExpandHome(path string, getenv func(string) string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	name, below, _ := strings.Cut(path[1:], "/")
	if name != "" {
		return "", api.Errorf(api.CodeInvalidArgument, "%q: ~%s is not expanded: write the directory out", path, name)
	}
	home := getenv("HOME")
	if home == "" {
		return "", api.Errorf(api.CodeInvalidArgument, "%q: ~ has no meaning, as $HOME is not set", path)
	}
	return filepath.Join(home, below), nil
}

// expandPaths expands ~ in the values of flags that are paths.
func expandPaths(flags *pflag.FlagSet, getenv func(string) string) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if failed != nil || !slices.Contains(pathFlags, f.Name) {
			return
		}
		value := f.Value.String()
		scheme, path := "", value
		for _, s := range []string{"pebble:", "fdb:"} {
			if f.Name == "store" && strings.HasPrefix(value, s) {
				scheme, path = s, value[len(s):]
			}
		}
		path, err := ExpandHome(path, getenv)
		if err != nil {
			failed = Blame(flags, OfFlag(f.Name, api.Errorf(api.CodeInvalidArgument, "--%s %s", f.Name, Message(err))))
			return
		}
		if scheme+path != value {
			failed = f.Value.Set(scheme + path) // the flag's origin stays what it is
		}
	})
	return failed
}
