// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"strings"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clearScreen empties a terminal and puts the cursor at its top.
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

// output is the flags of a command that prints rows.
type output struct {
	format  format
	noColor bool
	watch   bool
}

// lookFormat is the format of what is printed at a time. With --watch, JSON has a line for each row and YAML is a
// stream of documents: what never ends has no closing bracket.
func (o *output) lookFormat() format {
	switch {
	case o.watch && o.format == formatJSON:
		return formatJSONLines
	case o.watch && o.format == formatYAML:
		return formatYAMLStream
	}
	return o.format
}

// registerWatch makes the flag of commands whose rows change.
func (o *output) registerWatch(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "print again every "+watchInterval.String()+
		", until interrupted; -o json prints each row on a line of its own then")
}

func (o *output) register(cmd *cobra.Command) {
	o.addFlags(cmd.Flags())
	cli.Variable(cmd.Flags(), "output", outputVariable)
	cli.Variable(cmd.Flags(), "no-color", noColorVariable)
	o.complete(cmd)
}

func (o *output) addFlags(flags *pflag.FlagSet) {
	o.format = formatTable
	flags.VarP(&o.format, "output", "o", "table, wide, json, yaml or name")
	o.addColor(flags)
}

func (o *output) addColor(flags *pflag.FlagSet) {
	flags.BoolVar(&o.noColor, "no-color", false, "print without colour, as with NO_COLOR (default false)")
}

// complete completes the value of --output.
func (o *output) complete(cmd *cobra.Command) {
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]cobra.Completion{string(formatTable), string(formatWide), string(formatJSON), string(formatYAML),
			string(formatName)},
		cobra.ShellCompDirectiveNoFileComp)))
}

// must ends the program for a mistake in it.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (k *kelpie) style(o *output) style {
	plain := o.noColor || k.Getenv("NO_COLOR") != "" || k.Getenv("TERM") == "dumb"
	return style{colour: !plain && k.isTerminal(k.Stdout)}
}

// listCommand is a command that prints rows: all that have the same flags are made by it.
type listCommand[R any] struct {
	use, short, long, example string
	args                      cobra.PositionalArgs
	// flags makes the command's own, such as filters.
	flags   func(cmd *cobra.Command)
	listing listing[R]
	// fetch gets the rows and gives them to emit, a page at a time. An error of emit's it returns as it is. With a
	// limit, session.limit says how many rows are wanted.
	fetch func(ctx context.Context, s *session, args []string, emit func(page []R) error) error
	// one says that there is always one row, and no list to be cut or sorted.
	one bool
	// offline says that nobody is asked: there is no --addr, no --timeout, nothing to watch, and no session.
	offline bool
}

// command returns the command. What it prints has been fetched before, page by page; an answer
// that breaks off in the middle is no valid JSON.
func (l listCommand[R]) command(k *kelpie) *cobra.Command {
	var c connection
	var o output
	var sel selection
	cmd := &cobra.Command{
		Use:     l.use,
		Short:   l.short,
		Long:    strings.TrimSpace(l.long + "\n\n" + l.listing.help()),
		Example: l.example,
		Args:    l.args,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		by, err := newSorting(l.listing, sel.sort)
		if err != nil {
			return err
		}
		if err := sel.validate(); err != nil {
			return err
		}
		var s *session
		if !l.offline {
			if s, err = c.open(); err != nil {
				return err
			}
			defer s.close()
			s.limit = sel.fetched()
		}
		print := func(w io.Writer) error {
			p := newPrinter(w, o.lookFormat(), k.style(&o), l.listing, l.one)
			return printSelected(p, &sel, by, func(emit func(page []R) error) error {
				return l.fetch(cmd.Context(), s, args, emit)
			})
		}
		if o.watch {
			return k.watch(s.timeout, print)
		}
		return print(k.Stdout)
	}
	if !l.offline {
		c.register(cmd.Flags())
		o.registerWatch(cmd)
	}
	o.register(cmd)
	if l.flags != nil {
		l.flags(cmd)
	}
	if !l.one {
		sel.register(cmd, l.listing.sortable())
	}
	return cmd
}

// eachPage asks for page after page and gives the rows of each that has any to emit, until the last page or an error of
// emit. limit is how many rows are wanted, 0 for all. ask is given how many are left of these, 0 for a full page, and
// tells whether there may be more.
func eachPage[T any](limit int, emit func([]T) error, ask func(limit int) (rows []T, more bool, err error)) error {
	for left := limit; ; {
		rows, more, err := ask(max(left, 0))
		if err != nil {
			return err
		}
		left -= len(rows)
		if len(rows) > 0 {
			if err := emit(rows); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}
