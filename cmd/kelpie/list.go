// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/host"
)

// watchInterval is how often --watch looks again.
const watchInterval = 2 * time.Second

// clearScreen empties a terminal and puts the cursor at its top.
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

// output is the flags of a command that prints rows.
type output struct {
	format  format
	noColor bool
}

func (o *output) register(cmd *cobra.Command) {
	o.addFlags(cmd.Flags())
	host.Variable(cmd.Flags(), "output", outputVariable)
	host.Variable(cmd.Flags(), "no-color", noColorVariable)
	o.complete(cmd)
}

func (o *output) addFlags(flags *pflag.FlagSet) {
	o.format = formatTable
	flags.VarP(&o.format, "output", "o", "table, wide, json, yaml or name")
	flags.BoolVar(&o.noColor, "no-color", false, "print without colour, as with NO_COLOR (default false)")
}

// complete completes the value of --output.
func (o *output) complete(cmd *cobra.Command) {
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]cobra.Completion{string(formatTable), string(formatWide), string(formatJSON), string(formatYAML), string(formatName)},
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

// listCommand is a command that prints rows of the cluster.
type listCommand[R any] struct {
	use, short, long string
	args             cobra.PositionalArgs
	flags            func(cmd *cobra.Command)
	listing          listing[R]
	// fetch gets the rows and gives them to emit, a page at a time.
	fetch func(ctx context.Context, s *session, args []string, emit func(page []R) error) error
	// one says that there is always one row.
	one bool
	// ofNode says that the argument is a node's name.
	ofNode bool
}

// command returns the command. What it prints has been fetched before, page by page; an answer
// that breaks off in the middle is no valid JSON.
func (l listCommand[R]) command(k *kelpie) *cobra.Command {
	var c connection
	var o output
	var watch bool
	cmd := &cobra.Command{
		Use:   l.use,
		Short: l.short,
		Long:  strings.TrimSpace(l.long + "\n\n" + l.listing.help()),
		Args:  l.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			print := func(w io.Writer) error {
				p := newPrinter(w, o.format, k.style(&o), l.listing, l.one)
				if err := l.fetch(cmd.Context(), s, args, p.rows); err != nil {
					return err
				}
				return p.end()
			}
			if watch {
				ticks := time.NewTicker(watchInterval)
				defer ticks.Stop()
				return k.repeat(ticks.C, print)
			}
			return print(k.Stdout)
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "print again every "+watchInterval.String()+", until interrupted")
	if l.ofNode {
		cmd.ValidArgsFunction = k.completeNode(&c)
	}
	if l.flags != nil {
		l.flags(cmd)
	}
	return cmd
}

// repeat prints, and again at every tick, until it fails or a signal asks to stop. A terminal shows only the latest.
func (k *kelpie) repeat(ticks <-chan time.Time, print func(w io.Writer) error) error {
	signals, done := k.Signals()
	defer done()
	for {
		var b strings.Builder
		if k.isTerminal(k.Stdout) {
			b.WriteString(clearScreen)
		}
		if err := print(&b); err != nil {
			return err
		}
		if _, err := io.WriteString(k.Stdout, b.String()); err != nil {
			return err
		}
		select {
		case <-signals:
			return nil
		case <-ticks:
		}
	}
}
