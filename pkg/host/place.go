// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// handshakeTimeout bounds the question to the nodes of --join.
const handshakeTimeout = 10 * time.Second

// place is where a node belongs: what it was told, what it remembers and what the cluster says, in one.
type place struct {
	identity
	store storeURL
	// kept is what was remembered before.
	kept identity
	// dir is the data directory, "" if the node leaves nothing behind.
	dir string
}

// findPlace decides where the node belongs. It asks the nodes of --join.
func findPlace(ctx context.Context, w world, p cli.Process, o *Options) (*place, error) {
	dir, err := dataDir(p, o)
	if err != nil {
		return nil, err
	}
	pl := &place{dir: dir}
	if dir != "" {
		if pl.kept, err = loadIdentity(dir); err != nil {
			return nil, err
		}
		pl.identity = pl.kept
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
func dataDir(p cli.Process, o *Options) (string, error) {
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
	_, port, err := cli.ParseAddress("--listen", o.Listen)
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
		_, port, err := cli.ParseAddress("--listen", o.Listen)
		if err != nil {
			return err
		}
		pl.Node = defaultNodeID(hostname, port)
	case pl.Node == "":
		pl.Node = o.NodeID
	case o.NodeID != "" && o.NodeID != pl.Node:
		return cli.Advise(
			api.Errorf(api.CodeMismatch, "data directory %s belongs to node %s, not %s", pl.dir, pl.Node, o.NodeID),
			"leave out --node-id, or give the new node a directory of its own with --data-dir",
		)
	}
	return nil
}

// ask learns the cluster and its store from the nodes at addrs. When none of them answers, a node that has
// been a member before uses what it remembers.
func (pl *place) ask(ctx context.Context, w world, addrs []string) error {
	if len(addrs) == 0 {
		return nil
	}
	info, err := handshake(ctx, w, addrs)
	switch {
	case err != nil && ctx.Err() == nil && pl.ClusterID != "" && cli.ExitCodeOf(err) == cli.ExitUnavailable:
		w.log.Warn("no node of --join answers; using the cluster and store that this node remembers",
			"error", cli.Message(err), "cluster",
			pl.ClusterID)
		return nil
	case err != nil:
		return err
	case pl.ClusterID != "" && pl.ClusterID != info.ClusterID:
		return cli.Advise(
			api.Errorf(api.CodeMismatch, "the node at %s is in cluster %s, but data directory %s belongs to a "+
				"node of cluster %s", info.Address, info.ClusterID, pl.dir, pl.ClusterID),
			"check --join, or give the new node a directory of its own with --data-dir",
		)
	}
	if err := checkPeerStore(info); err != nil {
		return err
	}
	// A member that was not told of a store before is the one that has it.
	if owner := pl.ClusterID != "" && pl.Store == ""; !owner {
		pl.Store = info.StoreURL
	}
	pl.ClusterID = info.ClusterID
	return nil
}

// checkPeerStore refuses a store that another process can't serve: a peer says where the cluster's store is, and never
// names a directory of this machine.
func checkPeerStore(info *api.ClusterInfo) error {
	u, err := parseStoreURL(info.StoreURL)
	if err == nil && !u.embedded() {
		return nil
	}
	return cli.Advise(
		api.Errorf(api.CodeMismatch, "the node at %q names the store %q: a node can name only one of kelpie: or fdb:",
			info.Address, info.StoreURL),
		"check --join: what answers there is no node of a cluster that can be joined",
	)
}

// handshake asks the nodes at addrs, in turn, for their cluster. One that refuses, because it speaks another version
// of the protocol, ends it: so would the others.
func handshake(ctx context.Context, w world, addrs []string) (*api.ClusterInfo, error) {
	pool := rpc.NewPool(w.env, w.transport, rpc.PoolConfig{Identity: rpc.Identity{Control: true}})
	defer pool.Close()
	bounded, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	var silent []string
	for _, addr := range addrs {
		info, err := rpc.CallTyped[api.Empty, api.ClusterInfo](bounded, pool, addr, api.MethodClusterInfo, &api.Empty{})
		switch {
		case err == nil:
			return info, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case cli.ExitCodeOf(err) == cli.ExitRefused:
			return nil, cli.Advise(err, "check --join, and use a program of the cluster's version")
		case api.CodeOf(err) == api.CodeUnknownMethod:
			silent = append(silent, addr+" (not a node)")
		default:
			silent = append(silent, addr+" ("+cli.Reason(err)+")")
		}
	}
	return nil, cli.Advise(
		api.Errorf(api.CodeUnavailable, "no node of --join answers: %s", strings.Join(silent, ", ")),
		"check --join; to start a new cluster, leave it out",
	)
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

// claimDir writes the node's name down, so that a directory that can't be written to is found out before
// anybody hears of the node.
func (pl *place) claimDir() error {
	if pl.dir == "" || pl.kept.Node != "" {
		return nil
	}
	return identity{Node: pl.Node}.save(pl.dir)
}

// remember writes down where the node belongs, once it is a member.
func (pl *place) remember(clusterID string) error {
	pl.ClusterID = clusterID
	if pl.dir == "" || pl.identity == pl.kept {
		return nil
	}
	return pl.identity.save(pl.dir)
}

// adviseMismatch says what to do when the store holds another cluster than the node remembers, having been told of
// none.
func (pl *place) adviseMismatch(err error, o *Options) error {
	told := len(o.Join) > 0 || o.LeaseTTL != 0 || o.Heartbeat != 0
	if api.CodeOf(err) != api.CodeMismatch || told || pl.ClusterID == "" {
		return err
	}
	return cli.Advise(err, "data directory %s belongs to a node of cluster %s; give a node of another cluster a "+
		"directory of its own with --data-dir", pl.dir, pl.ClusterID)
}
