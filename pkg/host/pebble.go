// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// What a process does whose store's disk is full.
const (
	onFullExit = "exit"
	onFullWait = "wait"
)

// openPatience is how long opening a store is waited for that is not wanted any more, so that it is closed.
const openPatience = 2 * time.Second

// roomInterval is how often a full disk is looked at while its store can't be opened.
const roomInterval = time.Second

func registerOnFull(flags *pflag.FlagSet, value *string, variable string) {
	flags.StringVar(value, "on-full", onFullExit, "what to do when the disk of the embedded store is full: exit, with "+
		"code 3, or wait until there is room, and refuse writes meanwhile")
	cli.Variable(flags, "on-full", variable)
}

func validateOnFull(value string) error {
	if value != "" && value != onFullExit && value != onFullWait {
		return api.Errorf(api.CodeInvalidArgument, "--on-full %q: must be exit or wait", value)
	}
	return nil
}

// openPebble opens the store in a data directory. It returns when ctx ends, whatever the disk does: then the directory
// stays in use until the process has ended.
func openPebble(ctx context.Context, w world, o storeOptions) (*store, error) {
	for said := false; ; said = true {
		s, err := openPebbleOnce(ctx, w, o)
		if o.onFull != onFullWait || !errors.Is(err, pebbledb.ErrFull) {
			return s, err
		}
		if !said {
			w.log.Error("the store can't be opened yet: waiting for room", "error", cli.Message(err))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(roomInterval):
		}
	}
}

func openPebbleOnce(ctx context.Context, w world, o storeOptions) (*store, error) {
	type result struct {
		store *store
		err   error
	}
	opened := make(chan result, 1)
	go func() {
		s, err := openPebbleStore(w, o)
		opened <- result{s, err}
	}()
	select {
	case r := <-opened:
		return r.store, r.err
	case <-ctx.Done():
	}
	ended := make(chan error, 1)
	go func() {
		r := <-opened
		if r.err == nil {
			r.err = r.store.Close()
		}
		ended <- r.err
	}()
	select {
	case err := <-ended:
		if err != nil {
			w.log.Warn("opening the store was interrupted", "error", cli.Message(err))
		}
	case <-time.After(openPatience):
	}
	return nil, context.Cause(ctx)
}

func openPebbleStore(w world, o storeOptions) (*store, error) {
	open := pebbledb.Open
	if o.readOnly {
		open = pebbledb.OpenReadOnly
	}
	db, err := open(filepath.Join(o.dataDir, storeDir),
		pebbledb.Options{Logger: w.log, WaitForRoom: o.onFull == onFullWait})
	if err != nil {
		if o.readOnly && errors.Is(err, fs.ErrNotExist) {
			return nil, api.Errorf(api.CodeNotFound, "there is no store in %s", o.dataDir)
		}
		return nil, pebbleError(o.dataDir, err)
	}
	s, err := embed(w, storeURL{schemePebble, o.dataDir}, db)
	if errors.Is(err, pebbledb.ErrFull) {
		err = pebbleError(o.dataDir, err)
	}
	return s, err
}

func pebbleError(dataDir string, err error) error {
	switch {
	case errors.Is(err, pebbledb.ErrLocked):
		return cli.Advise(err, "stop that process, or choose another directory by --data-dir or --store pebble:DIR; "+
			"a store can be shared by way of \"kelpie store serve\"")
	case errors.Is(err, pebbledb.ErrForeign):
		return cli.Advise(err, "choose another directory by --data-dir or --store pebble:DIR, or use the version of "+
			"kelpie that made it")
	case errors.Is(err, kv.ErrCorrupt):
		return cli.Advise(err, "restore the directory from a backup; what it holds is not served, so as not to be "+
			"taken for what was stored")
	case isFull(err):
		return fullError(dataDir, err)
	}
	return dirError(dataDir, err)
}

// isFull reports whether an error says that a disk has no room.
func isFull(err error) bool {
	return errors.Is(err, pebbledb.ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// fullError says that the disk of a directory is full, and by how much if that is known.
func fullError(dir string, err error) error {
	out := api.Errorf(api.CodeUnavailable, "the disk of %s is full: %s", dir, cli.Reason(err))
	if full, ok := errors.AsType[*pebbledb.FullError](err); ok {
		out = api.Errorf(api.CodeUnavailable, "%w", full)
	}
	return cli.Advise(out, "make room on it and start again: what was acknowledged is there; until then the store can be "+
		"read, by \"kelpie store backup --store pebble:DIR\" for one")
}

// storeFailed says that an embedded store has failed.
func storeFailed(u storeURL, err error) error {
	if isFull(err) {
		return fullError(u.rest, err)
	}
	return cli.Advise(
		api.Errorf(api.CodeUnavailable, "the store %s has failed: %s", u.String(), cli.Reason(err)),
		"mend what is wrong with its disk, and start again: what was acknowledged is on it",
	)
}
