// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/archive"
	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// lookTimeout is for a look at a store that may not answer any more.
const lookTimeout = 5 * time.Second

// openStore opens the store that url names, or the one that the cluster uses, to write to it.
func (s *session) openStore(ctx context.Context, url string) (kv.Store, string, error) {
	return s.openStoreBy(ctx, url, host.OpenStore)
}

// openStoreToRead is openStore for a look into it.
func (s *session) openStoreToRead(ctx context.Context, url string) (kv.Store, string, error) {
	return s.openStoreBy(ctx, url, host.OpenStoreToRead)
}

func (s *session) openStoreBy(ctx context.Context, url string, open func(context.Context, string) (kv.Store, error)) (
	kv.Store, string, error) {
	if url == "" {
		info, err := ask[api.Empty, api.ClusterInfo](ctx, s, api.MethodClusterInfo, &api.Empty{})
		if err != nil {
			return nil, "", err
		}
		url = info.StoreURL
	}
	store, err := open(ctx, url)
	return store, url, err
}

// copied says how much was copied.
func copied(t backup.Trailer) string {
	return fmt.Sprintf("%s, %s", human.Counted(int(t.Keys), "key"), human.Bytes(t.Bytes))
}

func (k *kelpie) storeBackup() *cobra.Command {
	var c connection
	var f storeFlags
	var b backupFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the cluster's store into a file while it serves",
		Long: `Copy the cluster's store into FILE, or to stdout if that is "-", while the
cluster continues. The command reads the store itself: the one that the node at
--addr uses, unless --store names another.

A backup of an embedded store, even one that another process serves, shows a
single moment. FoundationDB cannot be read at one version for that long. There,
each actor is copied at a single moment, but different actors at different ones;
the last line of the output says which kind the backup is. Blocks have
checksums, and a truncated file is not accepted as a backup. The backup includes
alarms, messages in flight, dead letters, and the replies kept for repeated
calls.

With --recipient or --recipients-file, the backup is encrypted for public keys
of age (https://age-encryption.org). Only who has one of the private keys can
read it, and a change of any byte is noticed.

` + places + `

From a timer, pass -o json: the command prints one line when the backup is
complete, and otherwise ends with an exit code other than 0. The line goes to
stderr if FILE is "-".

` + backupListing.help(),
		Example: "  kelpie store backup monday.kelpie\n  kelpie store backup - | zstd > monday.kelpie.zst\n  kelpie " +
			"store backup monday.kelpie --store pebble:/var/lib/kelpie\n  kelpie store backup " +
			"s3://backups/monday.kelpie --recipients-file keys.txt -o json",
		Args: cli.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			place, err := archive.ParsePlace(args[0])
			if err != nil {
				return err
			}
			recipients, err := archive.ReadRecipients(b.recipients, b.files)
			if err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			store, _, err := s.openStoreToRead(cmd.Context(), f.url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			return k.backupTo(ctx, store, place, recipients, &b)
		},
	}
	c.register(cmd.Flags())
	f.register(cmd)
	b.register(cmd)
	return cmd
}

// backupFlags are those of "store backup".
type backupFlags struct {
	output
	force             bool
	recipients, files []string
}

func (b *backupFlags) register(cmd *cobra.Command) {
	b.output.register(cmd)
	cmd.Flags().BoolVar(&b.force, "force", false, "replace FILE if it exists")
	cmd.Flags().StringSliceVar(&b.recipients, "recipient", nil, "public keys of age to encrypt the backup for")
	cmd.Flags().StringSliceVar(&b.files, "recipients-file", nil, "files with public keys of age to encrypt the "+
		"backup for")
}

// backupTo makes a backup, which appears at its place when it is complete.
func (k *kelpie) backupTo(
	ctx context.Context, store kv.Store, place archive.Place, recipients archive.Recipients, b *backupFlags) error {
	begun := time.Now()
	target, err := archive.Create(ctx, place, k.Stdout, b.force, recipients)
	if err != nil {
		return err
	}
	p := k.newProgress(0)
	h, t, err := backup.Make(ctx, env.Real(), store, target, backup.Options{Version: programVersion(),
		Progress: func(t backup.Trailer) { _ = p.say("copied " + copied(t)) }}) // failing to show it is harmless
	if err == nil {
		err = target.Commit()
	} else {
		err = errors.Join(err, target.Abort())
	}
	p.clear()
	left, to := "no backup was made, and no file was left behind", k.Stdout
	if place.Piped() {
		left, to = "the output so far is not a backup; run it again", k.Stderr
	}
	if err != nil {
		return unlessInterrupted(ctx, err, "interrupted: "+left)
	}
	row := rowOf(place.String(), h, t, recipients != nil, time.Since(begun))
	return b.printBackup(k, to, row, backedUp(h, t))
}

// unlessInterrupted is the error of something that ends with a context of untilSignal; said is what it says if that
// was the reason.
func unlessInterrupted(ctx context.Context, err error, said string) error {
	if err != nil && ctx.Err() != nil {
		return interrupted(said)
	}
	return err
}

func backedUp(h backup.Header, t backup.Trailer) string {
	of := "all of one moment"
	if h.Consistency == backup.PerActor {
		of = "each actor of one moment, different actors of different moments"
	}
	return fmt.Sprintf("backup of cluster %s: %s, %s", h.ClusterID, copied(t), of)
}

func (k *kelpie) storeRestore() *cobra.Command {
	var url string
	var force, yes bool
	var identity identityFlag
	cmd := &cobra.Command{
		Use:   "restore FILE --store URL",
		Short: "Fill a store from a backup",
		Long: `Fill the store that --store names from a backup in FILE, or from stdin if that
is "-". The store may be of another kind than the one backed up: use this to
move a cluster from one machine to FoundationDB. The store must be empty, unless
--force allows the command to delete what is in it. It refuses a store in which
a node is alive. A file is verified completely before anything is deleted or
written; a pipe cannot be.

Nodes join the restored cluster as if they were new. No actor has an owner, and
all tokens are higher than any issued before. Calls that were answered after the
backup was made are lost with their effects. Restart clients: a retry from a
client started before the restore may execute twice. Until the restore is
complete, nodes refuse the store.

` + places,
		Example: "  kelpie store restore monday.kelpie --store pebble:/var/lib/kelpie\n  kelpie store restore - " +
			"--store fdb:/etc/foundationdb/fdb.cluster --yes < monday.kelpie",
		Args: cli.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if url == "" {
				return api.Errorf(api.CodeInvalidArgument, "pass --store URL, the store to restore into: "+
					"pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT")
			}
			if args[0] == "-" && !yes {
				return api.Errorf(api.CodeInvalidArgument, "stdin is the backup, so the command can't ask for "+
					"confirmation; pass --yes to confirm")
			}
			from, err := identity.source(k, args[0])
			if err != nil {
				return err
			}
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			r, err := openBackup(ctx, from)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.Close()) }() // of the one that is open then
			will := ""
			if force {
				will = " Everything in the store is deleted first."
			}
			if err := k.confirm(
				yes, fmt.Sprintf("Restore cluster %s, as of %s, into %s?%s", r.Header.ClusterID, r.Header.Made, url,
					will)); err != nil {
				return err
			}
			if !from.Once() { // nothing is deleted for a backup that turns out to be damaged
				if _, _, err := k.verify(ctx, from); err != nil {
					return unlessInterrupted(ctx, err, "interrupted before anything was written; run it again")
				}
				again, err := openBackup(ctx, from)
				if err != nil {
					return err
				}
				r, again = again, r
				if err := again.Close(); err != nil {
					return err
				}
			}
			return k.restore(ctx, from, r.Reader, url, force)
		},
	}
	cmd.Flags().StringVar(&url, "store", "", "URL of the store to fill: pebble:DIR, fdb:CLUSTERFILE or "+
		"kelpie://HOST:PORT")
	cmd.Flags().BoolVar(&force, "force", false, "delete what is in the store")
	identity.register(cmd)
	registerYes(cmd, &yes)
	return cmd
}

// openedBackup is a backup of which the header has been read.
type openedBackup struct {
	*backup.Reader
	io.Closer
}

func openBackup(ctx context.Context, from *archive.Source) (*openedBackup, error) {
	file, err := from.Open(ctx)
	if err != nil {
		return nil, backupError(from, err)
	}
	r, err := backup.Open(file)
	if err != nil {
		return nil, errors.Join(backupError(from, err), file.Close())
	}
	return &openedBackup{r, file}, nil
}

// restore fills the store from a backup of which the header has been read.
func (k *kelpie) restore(ctx context.Context, from *archive.Source, r *backup.Reader, url string, force bool) (
	err error) {
	p := k.newProgress(0)
	store, err := host.MakeStore(ctx, url)
	if err != nil {
		return unlessInterrupted(ctx, err, "interrupted before anything was written")
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, err = backup.Restore(ctx, env.Real(), store, r, force, backup.Options{Progress: func(t backup.Trailer) {
		_ = p.say(progressOf(from, t) + "restored " + copied(t)) // failing to show progress is harmless
	}})
	p.clear()
	if err != nil {
		err = unlessInterrupted(ctx, err, "interrupted before the restore was complete")
		return adviseHalf(ctx, store, err)
	}
	_, err = human.Fprintf(k.Stdout, "cluster %s restored into %s: %s\n", r.Header.ClusterID, url, copied(r.Seen()))
	return err
}

// adviseHalf says what to do if a restore that failed has left a part of the backup behind.
func adviseHalf(ctx context.Context, store kv.Store, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	if m, failed := registry.New(env.Real(), store).Meta(ctx); failed != nil || m.Schema != registry.SchemaRestoring {
		return err // already reported; an unreadable store adds nothing
	}
	if api.CodeOf(err) == api.CodeFailedPrecondition {
		return err // another restore has the store
	}
	return cli.Advise(err, "the store holds a part of the backup, and nodes refuse it: restore again with --force")
}

// progressBar draws how far something has come.
func progressBar(done float64) string {
	const width = 20
	full := int(min(max(done, 0), 1) * width)
	var bar [width]byte
	for i := range bar {
		bar[i] = '.'
		if i < full {
			bar[i] = '#'
		}
	}
	return fmt.Sprintf("[%s] %3.0f%%", bar[:], min(done, 1)*100)
}
