// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Args wants as many arguments as there are names; those whose names end in "?" may be left out.
func Args(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(names) {
			extra := args[len(names)]
			if len(names) == 0 {
				return api.Errorf(api.CodeInvalidArgument, "unexpected argument %q; this command takes none", extra)
			}
			return api.Errorf(api.CodeInvalidArgument, "unexpected argument %q; put quotes around an argument "+
				"with spaces", extra)
		}
		if missing := names[len(args):]; len(missing) > 0 && !strings.HasSuffix(missing[0], "?") {
			return api.Errorf(api.CodeInvalidArgument, "%s is missing", missing[0])
		}
		return nil
	}
}
