// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// openStore opens the store that url names, or the one that the cluster uses.
func (s *session) openStore(ctx context.Context, url string) (kv.Store, string, error) {
	if url == "" {
		info, err := ask[api.Empty, api.ClusterInfo](ctx, s, api.MethodClusterInfo, &api.Empty{})
		if err != nil {
			return nil, "", err
		}
		url = info.StoreURL
	}
	store, err := host.OpenStore(ctx, url)
	return store, url, err
}

// copied says how much was copied.
func copied(t backup.Trailer) string {
	return fmt.Sprintf("%s, %s", counted(int(t.Keys), "key"), human.Bytes(t.Bytes))
}

func (k *kelpie) storeBackup() *cobra.Command {
	var c connection
	var f storeFlags
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the cluster's store into a file, while it serves",
		Long: `Copy all of the cluster's store into FILE, or to stdout if that is "-", while the cluster goes on. The store is read by this command itself: it is
the one that a node at --addr uses, unless --store names one.

Of an embedded store, also of one that another process serves, the backup is of one moment. FoundationDB can't be read for as long as that takes:
there every actor is of one moment, and not all of the same; what is said at the end tells which it is. Blocks have
checksums, and what was cut off is not taken for a backup. Alarms, messages under way, dead letters and the answers that calls may be repeated for are
in it.`,
		Example: "  kelpie store backup monday.kelpie\n  kelpie store backup - | zstd > monday.kelpie.zst\n  kelpie store backup monday.kelpie --store pebble:/var/lib/kelpie",
		Args:    host.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			store, _, err := s.openStore(cmd.Context(), f.url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			return k.backupTo(ctx, store, args[0], force)
		},
	}
	c.register(cmd.Flags())
	f.register(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	return cmd
}

// backupTo makes a backup in a file that appears when it is complete.
func (k *kelpie) backupTo(ctx context.Context, store kv.Store, path string, force bool) error {
	p := k.newProgress(0)
	options := backup.Options{Version: programVersion(), Progress: func(t backup.Trailer) { _ = p.say("copied " + copied(t)) }} // it is only for the looks
	if path == "-" {
		h, t, err := backup.Make(ctx, env.Real(), store, k.Stdout, options)
		p.clear()
		if err == nil {
			_, err = fmt.Fprintln(k.Stderr, backedUp(h, t))
		}
		return unlessInterrupted(ctx, err)
	}
	if _, err := os.Stat(path); err == nil && !force {
		return api.Errorf(api.CodeFailedPrecondition, "%s exists: choose another name, or replace it by --force", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*")
	if err != nil {
		return api.Errorf(api.CodeFailedPrecondition, "can't write %s: %v", path, host.Reason(err))
	}
	h, t, err := backup.Make(ctx, env.Real(), store, file, options)
	p.clear()
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return unlessInterrupted(ctx, errors.Join(err, os.Remove(file.Name())))
	}
	_, err = fmt.Fprintln(k.Stdout, backedUp(h, t))
	return err
}

// unlessInterrupted is the error of something that ends with a context of untilSignal.
func unlessInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return host.ErrInterrupted
	}
	return err
}

func backedUp(h backup.Header, t backup.Trailer) string {
	of := "all of one moment"
	if h.Consistency == backup.PerActor {
		of = "each actor of one moment, not all of the same"
	}
	return fmt.Sprintf("backup of cluster %s: %s, %s", h.ClusterID, copied(t), of)
}

func (k *kelpie) storeRestore() *cobra.Command {
	var url string
	var force, yes bool
	cmd := &cobra.Command{
		Use:   "restore FILE --store URL",
		Short: "Fill a store from a backup",
		Long: `Fill the store that --store names from a backup, of FILE or of stdin if that is "-". The store may be of another kind than the one that the backup is of:
this is the way from one machine to FoundationDB. It must be empty, unless --force says to delete all that is in it; while a node is
alive in it, that is refused, too. A FILE is read to its end before, so that nothing is deleted for a backup that is damaged; of a pipe, damage
shows on the way.

Nodes join the restored cluster as if they were new. No actor has an owner, and all tokens are higher than any that was given out before. Calls
that were answered after the backup was made are lost with their effects, and clients of that time should be started anew: what they repeat may run
again. Until the restore is complete, nodes refuse the store.`,
		Example: "  kelpie store restore monday.kelpie --store pebble:/var/lib/kelpie\n  kelpie store restore - --store fdb:/etc/foundationdb/fdb.cluster --yes < monday.kelpie",
		Args:    host.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if url == "" {
				return api.Errorf(api.CodeInvalidArgument, "say by --store where to restore: pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT")
			}
			if args[0] == "-" && !yes {
				return api.Errorf(api.CodeInvalidArgument, "stdin is the backup, so it can't be asked whether to go on: give --yes")
			}
			from, size, err := k.openBackup(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, from.Close()) }()
			ctx, cancel := k.untilSignal(cmd.Context())
			defer cancel()
			if file, ok := from.(*os.File); ok && canBeReadAgain(file) {
				if err := k.verify(ctx, file, size); err != nil {
					return err
				}
			}
			r, err := backup.Open(from)
			if err != nil {
				return err
			}
			will := ""
			if force {
				will = " All that is in the store is deleted first."
			}
			if err := k.confirm(yes, fmt.Sprintf("Restore cluster %s, as of %s, into %s?%s", r.Header.ClusterID, r.Header.Made, url, will)); err != nil {
				return err
			}
			return k.restore(ctx, r, url, force, size)
		},
	}
	cmd.Flags().StringVar(&url, "store", "", "URL of the store to fill: pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT")
	cmd.Flags().BoolVar(&force, "force", false, "delete what is in the store")
	registerYes(cmd, &yes)
	return cmd
}

// openBackup opens a file or stdin. size is 0 if it is not known.
func (k *kelpie) openBackup(path string) (from io.ReadCloser, size int64, err error) {
	if path == "-" {
		return io.NopCloser(k.Stdin), 0, nil
	}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, api.Errorf(api.CodeNotFound, "there is no file %s", path)
	case err != nil:
		return nil, 0, api.Errorf(api.CodeFailedPrecondition, "can't read %s: %v", path, host.Reason(err))
	}
	if info, err := file.Stat(); err == nil {
		size = info.Size()
	}
	return file, size, nil
}

// verify reads a backup to its end, and returns to its beginning: for a damaged one, nothing is to be deleted.
func (k *kelpie) verify(ctx context.Context, file *os.File, size int64) error {
	p := k.newProgress(0)
	r, err := backup.Open(file)
	if err == nil {
		err = r.Verify(func(t backup.Trailer) error {
			_ = p.say(ofFile("checked", t, size)) // it is only for the looks
			return ctx.Err()
		})
	}
	p.clear()
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	return unlessInterrupted(ctx, ofBackup(file.Name(), err))
}

// canBeReadAgain reports whether a file is none that is read once, such as a pipe.
func canBeReadAgain(file *os.File) bool {
	_, err := file.Seek(0, io.SeekCurrent)
	return err == nil
}

// ofBackup says of an error of a file's which file it is.
func ofBackup(path string, err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) && of.Path == path {
		return api.Errorf(api.CodeFailedPrecondition, "can't read %s: %v", path, host.Reason(err))
	}
	if api.CodeOf(err) == api.CodeCorruptState {
		return api.Errorf(api.CodeCorruptState, "%s: %s", path, host.Message(err))
	}
	return err
}

// ofFile says how much of a file has been done, of which the size may not be known.
func ofFile(done string, t backup.Trailer, size int64) string {
	line := done + " " + copied(t)
	if size > 0 {
		line = progressBar(float64(t.Bytes)/float64(size)) + " " + line
	}
	return line
}

func (k *kelpie) restore(ctx context.Context, r *backup.Reader, url string, force bool, size int64) (err error) {
	store, err := host.MakeStore(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	p := k.newProgress(0)
	_, err = backup.Restore(ctx, env.Real(), store, r, force, backup.Options{Progress: func(t backup.Trailer) {
		_ = p.say(ofFile("restored", t, size)) // it is only for the looks
	}})
	p.clear()
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	_, err = fmt.Fprintf(k.Stdout, "cluster %s restored into %s: %s\n", r.Header.ClusterID, url, copied(r.Seen()))
	return err
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
