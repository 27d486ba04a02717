// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Execute runs the command, or one below it, that args name, with its settings read (see ReadSettings). It prints
// errors to stderr, in the form of PrintError, and returns the exit code.
func Execute(root *cobra.Command, p Process, args []string) int {
	root.SetArgs(args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A flag of a command that does not exist is unknown for that reason.
		if given := cmd.Flags().Args(); cmd.HasSubCommands() && len(given) > 0 {
			return UnknownCommand(cmd, given)
		}
		return usageError(cmd, flagError(cmd, err))
	})
	// The help of a command that does not exist is that of none.
	var unknown error
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if given := cmd.Flags().Args(); cmd.HasSubCommands() && len(given) > 0 {
			unknown = UnknownCommand(cmd, given)
			return
		}
		help(cmd, args)
	})
	// What fails before is a mistake in the command line.
	running := false
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		running = true
		// A command's flags contain those inherited once it has been parsed.
		return ReadSettings(cmd.Flags(), p.Getenv)
	}
	cmd, err := root.ExecuteContextC(context.Background())
	if err == nil {
		err = unknown
	}
	if err != nil && !running {
		err = usageError(cmd, err)
	}
	if err != nil {
		err = Blame(cmd.Flags(), err)
		PrintError(p.Stderr, err)
	}
	return ExitCodeOf(err)
}

// usageError makes an error of cobra's or pflag's, or of a check of arguments, one of usage.
func usageError(cmd *cobra.Command, err error) error {
	if !isAPI(err) {
		if _, has := err.(*advised); has {
			return err
		}
		said := strings.TrimSpace(err.Error())
		if number, ok := errors.AsType[*strconv.NumError](err); ok {
			said = strings.Replace(said, number.Error(), numberMistake(number), 1)
		}
		err = api.Errorf(api.CodeInvalidArgument, "%s", said)
	}
	return Advise(err, "see %s --help", cmd.CommandPath())
}

// UnknownCommand says that cmd has no command args[0], and which it may have been.
func UnknownCommand(cmd *cobra.Command, args []string) error {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	err := api.Errorf(api.CodeInvalidArgument, "unknown command %q for %q", args[0], cmd.CommandPath())
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return Advise(err, "did you mean %s?", strings.Join(like, " or "))
	}
	return Advise(err, "see %s --help", cmd.CommandPath())
}
