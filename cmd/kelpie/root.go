// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// kelpie is what the commands have in common.
type kelpie struct {
	cli.Process
	// isTerminal reports whether a stream of the process is a terminal.
	isTerminal func(stream any) bool
}

// run runs the command that args name and returns the exit code.
func run(p cli.Process, args []string) int {
	k := &kelpie{Process: p, isTerminal: isTerminal}
	return k.run(args)
}

func (k *kelpie) run(args []string) int {
	return cli.Execute(k.root(), k.Process, negativeNumbers(args))
}

var negativeNumber = regexp.MustCompile(`^-[0-9][0-9.eE+-]*$`)

// negativeNumbers keeps a negative number that is an argument, as in "add -5", from being taken for a flag, by a space
// before it, which means nothing in JSON. Behind a flag it is the flag's value.
func negativeNumbers(args []string) []string {
	args = slices.Clone(args)
	for i := 1; i < len(args); i++ {
		if negativeNumber.MatchString(args[i]) && !strings.HasPrefix(args[i-1], "-") {
			args[i] = " " + args[i]
		}
	}
	return args
}

func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

func (k *kelpie) root() *cobra.Command {
	root := group("kelpie", "Virtual actors on a transactional store",
		`Kelpie runs virtual actors: small, named, single-threaded objects with durable
state, each active on one node of a cluster at a time.

  kelpie dev                              start a playground: a store and three nodes on this machine
  kelpie node start                       start a node, the first of a cluster
  kelpie actors call counter/a add 5      call an actor, wherever it is
  kelpie actors ls                        show which actors are where

Commands that talk to the cluster look for a node at 127.0.0.1:7600, unless
--addr, KELPIE_ADDR or a context (see "kelpie context --help") names another.
Answers go to stdout, everything else to stderr. "kelpie help exit-codes" lists
the exit codes.`,
		k.node(), k.actors(), k.leases(), k.placements(), k.namespaces(), k.alarms(), k.sends(), k.cluster(),
		k.events(), k.top(), k.store(),
		k.dev(), k.doctor(),
		k.context(), k.config(), k.sim(), k.bench(), k.version(), exitCodesTopic())
	k.completeLive(root)
	root.SetHelpCommand(helpCommand(root))
	root.SetOut(k.Stdout) // which the completions are written to
	completionCommand(root)
	k.completeContextFlags(root)
	return root
}

// group returns a command that is only there for those below it.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long}
	cmd.AddCommand(commands...)
	return makeGroup(cmd)
}

// isGroup marks a command that is only there for those below it.
const isGroup = "kelpie_group"

// makeGroup makes cmd show its help, and refuse a command that it does not have.
func makeGroup(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return cli.UnknownCommand(cmd, args)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Annotations = map[string]string{isGroup: ""}
	return cmd
}

// helpCommand is cobra's, with an unknown topic being an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command or topic",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion,
			cobra.ShellCompDirective) {
			cmd, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []cobra.Completion
			for _, c := range cmd.Commands() {
				names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return cli.UnknownCommand(cmd, rest)
			}
			return cmd.Help()
		},
	}
}
