// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
)

// Main is the main function of a program that is a node hosting the kinds. It takes the flags of "kelpie
// node start", and --version, which prints the version of the program's module. It does not return.
func Main(kinds ...actor.Kind) {
	p := cli.System()
	cmd := StartCommand(p, ProgramVersion(), kinds...)
	cmd.Use = filepath.Base(os.Args[0])
	cmd.Version = ProgramVersion()
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	Exit(cli.Execute(cmd, p, os.Args[1:]))
}

// Exit ends the process with an exit code, after what FoundationDB has in hand.
func Exit(code int) {
	if code != cli.ExitInterrupted { // which is in a hurry
		if err := stopFDB(); err != nil {
			cli.PrintError(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// StartCommand returns the command that starts a node hosting the kinds.
func StartCommand(p cli.Process, version string, kinds ...actor.Kind) *cobra.Command {
	var o Options
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start a node",
		Long: `Start a node, which hosts actors and serves calls to them until it is stopped.

The first node of a cluster needs no flags. It keeps the cluster's store in its
own data directory and serves it to the nodes that join. Tell further nodes with
--join where one is. A node that has joined once remembers its name, cluster and
store, and needs no flags to restart.

Ctrl-C or SIGTERM stops the node gracefully. It moves its actors to other nodes
for up to --drain-timeout, while the actors continue to serve calls. Then it
finishes its running calls within 8s, and leaves; other nodes take the remaining
actors at once. If no other node accepts actors, or this one keeps the store
itself, it stops without a drain. Ctrl-C after that stops it at once.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return Run(cmd.Context(), p, o, version, kinds...)
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// ProgramPath is the path of the main module, "" if the build does not know it. Versions of different programs can't be
// compared.
func ProgramPath() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Path
}

// ProgramVersion is the version of the main module, as far as the build knows it.
func ProgramVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unversioned"
	}
	return info.Main.Version
}
