// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) storeVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify a backup without restoring it",
		Long: `Read all of a backup, of FILE or of stdin if that is "-", and verify its
checksums, its end and its counts. Nothing is written, and no store is needed.
A backup that is damaged or cut off is refused with exit code 8.`,
		Example: "  kelpie store verify monday.kelpie\n  kelpie store verify - < monday.kelpie",
		Args:    host.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			from, err := k.openBackup(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, from.Close()) }()
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			p := k.newProgress(0)
			h, t, err := backup.Verify(ctx, from, backup.Options{Progress: func(t backup.Trailer) {
				// A line of progress that can't be written costs nothing.
				_ = p.say(strings.TrimSpace(from.bar(t) + " verified " + copied(t)))
			}})
			p.clear()
			if err != nil {
				return unlessInterrupted(ctx, from.err(err), "interrupted before the backup was verified")
			}
			_, err = fmt.Fprintf(k.Stdout, "%s, as of %s: it is whole\n", backedUp(h, t), h.Made)
			return err
		},
	}
}
