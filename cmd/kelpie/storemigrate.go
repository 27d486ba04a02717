// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

func (k *kelpie) storeMigrate() *cobra.Command {
	var url string
	var yes bool
	cmd := &cobra.Command{
		Use:   "migrate --store URL",
		Short: "Migrate a store to the schema of this version",
		Long: `Migrate the store that --store names from the schema of an earlier version to
that of this version. Stop all nodes first: the command finds a node that is
alive, and does nothing. Make a backup too, because earlier versions refuse the
store afterwards. If the migration is interrupted, run it again.`,
		Example: "  kelpie store backup before.kelpie --store pebble:/var/lib/kelpie\n  kelpie store migrate --store " +
			"pebble:/var/lib/kelpie",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if url == "" {
				return api.Errorf(api.CodeInvalidArgument, "pass --store URL, the store to migrate: pebble:DIR, "+
					"fdb:CLUSTERFILE or kelpie://HOST:PORT")
			}
			if err := k.confirm(
				yes, fmt.Sprintf("Migrate the store %s to schema %d?", url, registry.SchemaVersion)); err != nil {
				return err
			}
			store, err := host.OpenStore(cmd.Context(), url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			e := env.Real()
			r := registry.New(e, store)
			living, err := r.Living(ctx, func(m registry.Meta) error {
				return env.Sleep(e, ctx, 2*m.Heartbeat+time.Second)
			})
			if err != nil {
				return unlessInterrupted(ctx, err, "interrupted before anything was changed; run it again")
			}
			if living != "" {
				return api.Errorf(api.CodeFailedPrecondition, "node %s is alive in the store: stop all nodes first",
					living)
			}
			from, err := r.Migrate(ctx)
			if err != nil {
				return unlessInterrupted(ctx, err, "interrupted before the store was migrated; run it again to "+
					"continue")
			}
			if from == registry.SchemaVersion {
				_, err = human.Fprintf(k.Stdout, "the store already has schema %d\n", from)
				return err
			}
			_, err = human.Fprintf(k.Stdout, "store migrated from schema %d to %d\n", from, registry.SchemaVersion)
			return err
		},
	}
	cmd.Flags().StringVar(&url, "store", "", "URL of the store to migrate: pebble:DIR, fdb:CLUSTERFILE or "+
		"kelpie://HOST:PORT")
	registerYes(cmd, &yes)
	return cmd
}
