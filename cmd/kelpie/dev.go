// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// devNodesMax bounds a playground: every node is a process on the one machine.
	devNodesMax     = 16
	devNodesDefault = 3
	// devRateDefault is enough calls per second to see life, and too few to hear the machine.
	devRateDefault = 50
	// devLeaseTTL is shorter than a cluster's usual lease, so that who kills a node need not wait for what comes of it.
	devLeaseTTL = 2 * time.Second
)

// devFlags are the flags of the command dev.
type devFlags struct {
	listen, dataDir string
	nodes, rate     int
	load, restart   bool
	checkReads      bool
	leaseTTL        time.Duration
}

func (f *devFlags) register(flags *pflag.FlagSet) {
	f.rate = devRateDefault
	flags.StringVar(&f.listen, "listen", cli.DefaultListen, "address of the first node, HOST:PORT; the other "+
		"nodes and the store use the ports after it; port 0 picks free ones")
	flags.IntVar(&f.nodes, "nodes", devNodesDefault, "number of nodes, from 1 to 16")
	flags.StringVar(&f.dataDir, "data-dir", "", "directory for data and logs (default a temporary one, removed "+
		"at the end)")
	flags.BoolVar(&f.load, "load", false, "call actors of the built-in namespaces continuously (default false)")
	flags.Var(rateValue{&f.rate, "calls"}, "rate", "calls per second of --load, as in 200/s")
	flags.BoolVar(&f.restart, "restart", false, "restart processes that have ended (default false)")
	flags.BoolVar(&f.checkReads, "check-reads", true, "fail calls of reading methods that change the state")
	flags.DurationVar(&f.leaseTTL, "lease-ttl", 0, "time after which a silent node's actors move (default 2s, or "+
		"that of the cluster in --data-dir)")
}

// validate checks the flags. Errors are CodeInvalidArgument.
func (f *devFlags) validate(flags *pflag.FlagSet) error {
	switch {
	case f.nodes < 1 || f.nodes > devNodesMax:
		return api.Errorf(api.CodeInvalidArgument, "--nodes %d: must be from 1 to %d", f.nodes, devNodesMax)
	case flags.Changed("rate") && !f.load:
		return api.Errorf(api.CodeInvalidArgument, "--rate is for --load; pass both, or neither")
	case f.leaseTTL < 0:
		return api.Errorf(api.CodeInvalidArgument, "--lease-ttl %v: must not be negative", f.leaseTTL)
	}
	return nil
}

func (k *kelpie) dev() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Start a playground: a store and three nodes on this machine",
		Long: `Start a store and nodes n1, n2 and n3 on this machine, each in a process of its
own, and print commands to try. The command reports what happens to the
processes: kill one, and see what becomes of its actors.

Data and logs are in a temporary directory, unless --data-dir names one to keep.
Ctrl-C or SIGTERM stops the nodes, then the store, and removes the temporary
directory; a second one stops everything at once. The processes end when this
command ends, however it ends.

A playground is for this machine alone. For a cluster that others use, run
"kelpie node start".`,
		Example: `  kelpie dev
  kelpie dev --load --restart
  kelpie dev --nodes 5 --listen 127.0.0.1:7700 --data-dir ~/playground`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(cmd.Flags()); err != nil {
				return err
			}
			return k.runDev(cmd.Context(), &f)
		},
	}
	f.register(cmd.Flags())
	must(cmd.MarkFlagDirname("data-dir"))
	return cmd
}
