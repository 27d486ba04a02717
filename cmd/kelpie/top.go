// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/tui"
)

func (k *kelpie) top() *cobra.Command {
	var c connection
	var o output
	var once bool
	refresh := tui.RefreshDefault
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch and operate the cluster live",
		Long: `Watch the cluster: its nodes, notable actors, leases, moving actors, and events.
Press "?" for the keys. You can act on actors and nodes: migrate, evict, drain,
break a lease. Each action asks for confirmation.

The view asks one node, which polls the others once for everyone who watches. If
that node dies, the view asks another. Without a terminal, or with --once, it
prints everything once, as text for people. Scripts should use commands such as
"kelpie node ls -o json".`,
		Example: "  kelpie top\n  kelpie top --refresh 5s --addr 10.0.0.1:7600\n  kelpie top --once",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if refresh < tui.RefreshMin || refresh > tui.RefreshMax {
				return api.Errorf(api.CodeInvalidArgument, "--refresh %v: must be from %v to %v", refresh,
					tui.RefreshMin, tui.RefreshMax)
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			source := newTopSource(s)
			if once || !k.isTerminal(k.Stdout) || !k.isTerminal(k.Stdin) {
				return tui.Snapshot(cmd.Context(), source, k.Stdout)
			}
			return tui.Run(cmd.Context(), tui.Options{
				Source: source, Refresh: refresh, NoColor: o.noColor || k.Getenv("NO_COLOR") != "",
				Input: k.Stdin, Output: k.Stdout, Environment: os.Environ(),
			})
		},
	}
	c.register(cmd.Flags())
	cmd.Flags().BoolVar(&once, "once", false, "print everything once, as text")
	cmd.Flags().DurationVar(&refresh, "refresh", tui.RefreshDefault, "refresh interval, from "+
		tui.RefreshMin.String()+" to "+tui.RefreshMax.String())
	cli.Variable(cmd.Flags(), "refresh", "KELPIE_TOP_REFRESH")
	o.addColor(cmd.Flags())
	cli.Variable(cmd.Flags(), "no-color", noColorVariable)
	return cmd
}

// topAnswerTimeout is how long one node is waited for before another is asked.
const topAnswerTimeout = 2 * time.Second
