// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/cobra"
)

func (k *kelpie) storeVerify() *cobra.Command {
	var o output
	var identity identityFlag
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify a backup without restoring it",
		Long: `Read all of a backup, of FILE or of stdin if that is "-", and verify its
checksums, its end and its counts. Nothing is written, and no store is needed.
A backup that is damaged or cut off is refused with exit code 8.

` + places + `

` + backupListing.help(),
		Example: "  kelpie store verify monday.kelpie\n  kelpie store verify - < monday.kelpie\n" +
			"  kelpie store verify s3://backups/monday.kelpie --identity key.txt -o json",
		Args: cli.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			from, err := identity.source(k, args[0])
			if err != nil {
				return err
			}
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			begun := time.Now()
			h, t, err := k.verify(ctx, from)
			if err != nil {
				return unlessInterrupted(ctx, err, "interrupted before the backup was verified")
			}
			return o.printBackup(k, k.Stdout, rowOf(args[0], h, t, identity.files != nil, time.Since(begun)),
				fmt.Sprintf("%s, as of %s: it is whole", backedUp(h, t), h.Made))
		},
	}
	o.register(cmd)
	identity.register(cmd)
	return cmd
}
