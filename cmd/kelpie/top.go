// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/tui"
)

func (k *kelpie) top() *cobra.Command {
	var c connection
	var o output
	var once bool
	refresh := tui.RefreshDefault
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the cluster live, and act on it",
		Long: `Watch the cluster: its nodes, the actors that stand out, leases, actors on the
move, and what happens. "?" shows the keys. Actors and nodes can be acted upon:
migrate, evict, drain, break a lease; it is asked before.

It asks one node, which asks all others once for everybody who watches; if that
node dies, it asks another. Without a terminal, or with --once, it prints all of
it once, as text for people: scripts use "kelpie node ls -o json" and its like.`,
		Example: "  kelpie top\n  kelpie top --refresh 5s --addr 10.0.0.1:7600\n  kelpie top --once",
		Args:    host.Args(),
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
	cmd.Flags().BoolVar(&once, "once", false, "print what there is to see once, as text")
	cmd.Flags().DurationVar(&refresh, "refresh", tui.RefreshDefault, "how often to look, from "+
		tui.RefreshMin.String()+" to "+tui.RefreshMax.String())
	host.Variable(cmd.Flags(), "refresh", "KELPIE_TOP_REFRESH")
	o.addColor(cmd.Flags())
	host.Variable(cmd.Flags(), "no-color", noColorVariable)
	return cmd
}

// topAnswerTimeout is how long one node is waited for before another is asked.
const topAnswerTimeout = 2 * time.Second
