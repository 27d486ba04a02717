// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// version is set by the build; see Makefile.
var version string

func programVersion() string { return cmp.Or(version, host.ProgramVersion()) }

func (k *kelpie) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Long: "Show the version of this program, of its protocol and of Go, and the platform it\n" +
			"was built for.",
		Example: "  kelpie version",
		Args:    host.Args(),
		RunE: func(*cobra.Command, []string) error {
			_, err := human.Fprintf(k.Stdout, "kelpie %s (protocol %d, %s, %s/%s)\n",
				programVersion(), rpc.ProtocolVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
