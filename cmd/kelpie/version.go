// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// version is set by the build; see Makefile.
var version string

func programVersion() string { return cmp.Or(version, host.ProgramVersion()) }

// versionRow is what "version" prints.
type versionRow struct {
	Version  string `json:"version"`
	Protocol int    `json:"protocol"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

var versionListing = listing[versionRow]{
	name: func(r *versionRow) string { return r.Version },
	fields: []field[versionRow]{
		{key: "version", meaning: "version of this program"},
		{key: "protocol", meaning: "version of the protocol between nodes and clients that it speaks"},
		{key: "go", meaning: "version of Go that it was built with"},
		{key: "os", meaning: "operating system that it was built for"},
		{key: "arch", meaning: "architecture that it was built for"},
	},
}

func (k *kelpie) version() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Long: "Show the version of this program, of its protocol and of Go, and the platform it\n" +
			"was built for.\n\n" + versionListing.help(),
		Example: "  kelpie version\n  kelpie version -o json",
		Args:    cli.Args(),
		RunE: func(*cobra.Command, []string) error {
			row := versionRow{programVersion(), rpc.ProtocolVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH}
			if o.format == formatTable || o.format == formatWide {
				_, err := human.Fprintf(k.Stdout, "kelpie %s (protocol %d, %s, %s/%s)\n", row.Version, row.Protocol,
					row.Go, row.OS, row.Arch)
				return err
			}
			p := newPrinter(k.Stdout, o.format, k.style(&o), versionListing, true)
			if err := p.rows([]versionRow{row}); err != nil {
				return err
			}
			return p.end()
		},
	}
	o.register(cmd)
	return cmd
}
