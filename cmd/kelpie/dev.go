// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
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
	flags.StringVar(&f.listen, "listen", host.DefaultListen, "address of the first node, HOST:PORT; the next ports "+
		"are those of the other nodes and of the store; port 0 is any that are free")
	flags.IntVar(&f.nodes, "nodes", devNodesDefault, "number of nodes, from 1 to 16")
	flags.StringVar(&f.dataDir, "data-dir", "", "directory to keep data and logs in (default a temporary one, which "+
		"is removed at the end)")
	flags.BoolVar(&f.load, "load", false, "call actors of the built-in namespaces all the time (default false)")
	flags.Var(rateValue{&f.rate, "calls"}, "rate", "calls per second of --load, as in 200/s")
	flags.BoolVar(&f.restart, "restart", false, "start a process again that has ended (default false)")
	flags.BoolVar(&f.checkReads, "check-reads", true, "fail calls of reading methods that change the state")
	flags.DurationVar(&f.leaseTTL, "lease-ttl", 0, "time after which a silent node's actors move (default 2s, or "+
		"what --data-dir has)")
}

// validate checks the flags. Errors are CodeInvalidArgument.
func (f *devFlags) validate(flags *pflag.FlagSet) error {
	switch {
	case f.nodes < 1 || f.nodes > devNodesMax:
		return api.Errorf(api.CodeInvalidArgument, "--nodes %d: must be from 1 to %d", f.nodes, devNodesMax)
	case flags.Changed("rate") && !f.load:
		return api.Errorf(api.CodeInvalidArgument, "--rate is that of --load: give both, or neither")
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
		Long: `Start a store and nodes n1, n2 and n3 on this machine, each a process of its
own, and say what to try with them. What happens to the processes is told as it
happens: kill one, and see what becomes of its actors.

Data and logs are in a temporary directory, unless --data-dir names one to keep.
Ctrl-C or SIGTERM stops the nodes, then the store, and removes the temporary
directory; a second one stops everything at once. The processes end with this
one, however it ends.

A playground is for this machine alone; "kelpie node start" is for clusters that
others use.`,
		Example: `  kelpie dev
  kelpie dev --load --restart
  kelpie dev --nodes 5 --listen 127.0.0.1:7700 --data-dir ~/playground`,
		Args: host.Args(),
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
