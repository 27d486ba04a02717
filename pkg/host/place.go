// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"os"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// handshakeTimeout bounds the question to the nodes of --join.
const handshakeTimeout = 10 * time.Second

// place is where a node belongs: what it was told, what it remembers and what the cluster says, in one.
type place struct {
	identity
	store storeURL
	// dir is the data directory, "" if the node leaves nothing behind.
	dir string
}

// findPlace decides where the node belongs. It asks the nodes of --join.
func findPlace(ctx context.Context, w world, p Process, o *Options) (*place, error) {
	dir, err := dataDir(p, o)
	if err != nil {
		return nil, err
	}
	pl := &place{dir: dir}
	if dir != "" {
		if pl.identity, err = loadIdentity(dir); err != nil {
			return nil, err
		}
	}
	if err := pl.takeName(o); err != nil {
		return nil, err
	}
	if err := pl.ask(ctx, w, o.Join); err != nil {
		return nil, err
	}
	return pl, pl.chooseStore(o)
}

// dataDir returns the data directory, "" for a store in memory: after a restart there is nothing to remember
// a name for.
func dataDir(p Process, o *Options) (string, error) {
	var u storeURL
	if o.Store != "" {
		u, _ = parseStoreURL(o.Store) // validated
	}
	switch {
	case u.scheme == schemeMemory:
		return "", nil
	case o.DataDir != "":
		return o.DataDir, nil
	case u.scheme == schemePebble && u.rest != "":
		return u.rest, nil
	case o.NodeID != "":
		return defaultDataDir(p.Getenv, o.NodeID)
	}
	_, port, err := parseAddress("--listen", o.Listen)
	if err != nil {
		return "", err
	}
	return defaultDataDir(p.Getenv, port)
}

// takeName settles the node's name: as told, as kept, or made up.
func (pl *place) takeName(o *Options) error {
	switch {
	case pl.Node == "" && o.NodeID == "":
		hostname, err := os.Hostname()
		if err != nil {
			hostname = ""
		}
		_, port, err := parseAddress("--listen", o.Listen)
		if err != nil {
			return err
		}
		pl.Node = defaultNodeID(hostname, port)
	case pl.Node == "":
		pl.Node = o.NodeID
	case o.NodeID != "" && o.NodeID != pl.Node:
		return Advise(
			api.Errorf(api.CodeMismatch, "data directory %s belongs to node %s, not %s", pl.dir, pl.Node, o.NodeID),
			"leave --node-id out, or give the new node a directory of its own by --data-dir",
		)
	}
	return nil
}

// ask learns the cluster and its store from the nodes at addrs. When none of them answers, a node that has
// been a member before goes by what it remembers.
func (pl *place) ask(ctx context.Context, w world, addrs []string) error {
	if len(addrs) == 0 {
		return nil
	}
	pool := rpc.NewPool(w.env, w.transport, rpc.PoolConfig{Logger: w.log})
	defer pool.Close()
	bounded, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	info, err := node.Handshake(bounded, pool, addrs)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil && pl.ClusterID != "" && ExitCodeOf(err) != ExitRefused:
		w.log.Warn("no node to join answers; going by what this one remembers", "error", Message(err), "cluster", pl.ClusterID)
		return nil
	case err != nil:
		return Advise(err, "check --join; a node without --join begins a cluster of its own")
	case pl.ClusterID != "" && pl.ClusterID != info.ClusterID:
		return Advise(
			api.Errorf(api.CodeMismatch, "the node at %s is of cluster %s, but data directory %s belongs to a node of cluster %s", info.Address, info.ClusterID, pl.dir, pl.ClusterID),
			"check --join, or give the new node a directory of its own by --data-dir",
		)
	}
	// A member that was not told of a store before is the one that has it.
	if owner := pl.ClusterID != "" && pl.Store == ""; !owner {
		pl.Store = info.StoreURL
	}
	pl.ClusterID = info.ClusterID
	return nil
}

// chooseStore settles the store: as told, as the cluster says or the node remembers, or its own.
func (pl *place) chooseStore(o *Options) (err error) {
	url := o.Store
	if url == "" {
		url = pl.Store
	}
	if url == "" {
		url = defaultStore
	}
	if pl.store, err = parseStoreURL(url); err != nil {
		return err
	}
	pl.Store = ""
	if !pl.store.embedded() {
		pl.Store = pl.store.String()
	}
	return nil
}

// keep writes down who the node is and where it belongs.
func (pl *place) keep(clusterID string) error {
	if pl.dir == "" {
		return nil
	}
	pl.ClusterID = clusterID
	return pl.identity.save(pl.dir)
}
