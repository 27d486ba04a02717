// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
)

// localName is the name of a Local's node, and of its directory.
const localName = "kelpie-local"

// Local is a cluster of one node within this process, on a store of its own that is gone after Close: for measuring,
// and for trying things out. Its methods may be called concurrently, but for Close.
type Local struct {
	node  *node.Node
	store *store
	world world
	dir   string // "" for a store in memory
}

// CheckLocalStore checks the URL of a store of StartLocal. Errors are CodeInvalidArgument.
func CheckLocalStore(url string) error {
	u, err := parseStoreURL(url)
	if err == nil && !u.embedded() {
		err = api.Errorf(api.CodeInvalidArgument, "store %q belongs to another process; a local node needs "+
			"memory: or pebble:DIR", url)
	}
	return err
}

// StartLocal starts a node that hosts the kinds. The store is "memory:", or "pebble:DIR", which is a new directory
// within DIR; without DIR, one within the system's for temporary files. The node listens on a port of the loopback
// interface. It logs warnings, in the form of "node start", to the process's stderr. Errors are for people (see
// PrintError).
func StartLocal(ctx context.Context, p cli.Process, store, version string, kinds ...actor.Kind) (*Local, error) {
	if err := CheckLocalStore(store); err != nil {
		return nil, err
	}
	u, err := parseStoreURL(store)
	if err != nil {
		return nil, err
	}
	logs := LogOptions{Level: "warn", Format: "text"}
	l := &Local{world: newWorld(logs.logger(p.Stderr))}
	if u.scheme == schemePebble {
		if l.dir, err = os.MkdirTemp(u.rest, localName+"-"); err != nil {
			return nil, localDirError(u.rest, err)
		}
		u.rest = l.dir
	}
	if err := l.start(ctx, u, version, kinds); err != nil {
		if closed := l.Close(); closed != nil {
			l.world.log.Error("the local node did not close cleanly", "error", closed)
		}
		return nil, err
	}
	return l, nil
}

func localDirError(dir string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err // the path says the same again
	}
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "can't create a store in %s: %w", cmp.Or(dir, os.TempDir()), err),
		"name a writable directory with --store pebble:DIR, or use --store memory:",
	)
}

func (l *Local) start(ctx context.Context, u storeURL, version string, kinds []actor.Kind) (err error) {
	if l.store, err = openStore(ctx, l.world, u, storeOptions{dataDir: l.dir}); err != nil {
		return err
	}
	n, err := node.New(node.Config{
		Env: l.world.env, Store: l.store, StoreURL: l.store.joinerURL(), Transport: l.world.transport,
		NodeID: localName, Listen: "127.0.0.1:0", Version: version, Kinds: kinds, Logger: l.world.log,
	})
	if err != nil {
		return err
	}
	if err := n.Start(ctx); err != nil {
		return err
	}
	l.node = n
	return nil
}

// Invoke calls an actor as node.Node's Invoke does.
func (l *Local) Invoke(ctx context.Context, id api.ActorID, method, key string, body []byte) ([]byte, error) {
	return l.node.Invoke(ctx, id, method, key, body)
}

// Close stops the node, within 8 s, and deletes its store.
func (l *Local) Close() error {
	var stopped, closed, removed error
	if l.node != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		stopped = l.node.Stop(ctx)
	}
	if l.store != nil {
		closed = l.store.Close()
	}
	if l.dir != "" {
		removed = os.RemoveAll(l.dir)
	}
	return errors.Join(stopped, closed, removed)
}
