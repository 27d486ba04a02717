// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// gossipPeers is how many members a node pings in each heartbeat.
	gossipPeers = 3
	// releasesAtOnce is how many idle actors are deactivated at once: enough to keep up, few enough
	// to leave the store to calls.
	releasesAtOnce = 32
	// sweepsPerIdleTimeout is how often idle actors are looked for: they stay at most that
	// fraction of their time too long.
	sweepsPerIdleTimeout = 10
	// memoryLookedAt is how often it is looked whether activations take too many bytes.
	memoryLookedAt = 250 * time.Millisecond
	// sweepMin and sweepMax bound the pause between two looks.
	sweepMin, sweepMax = 100 * time.Millisecond, time.Minute
)

// gossipForever tells a few members at a time how busy the node is and learns the same of them.
func (n *Node) gossipForever(ctx context.Context) {
	random := n.env.Rand("gossip")
	for env.Sleep(n.env, ctx, n.keeper.member().Meta.Heartbeat) == nil {
		peers := n.keeper.members().Members()
		for i, at := range random.Perm(len(peers)) {
			if i >= gossipPeers {
				break
			}
			if peers[at].ID != n.config.NodeID {
				n.ping(ctx, peers[at])
			}
		}
	}
}

func (n *Node) ping(ctx context.Context, peer registry.NodeInfo) {
	ctx, cancel := env.WithTimeout(n.env, ctx, n.keeper.member().Meta.Heartbeat)
	defer cancel()
	pong, err := rpc.CallTyped[api.Ping, api.Pong](ctx, n.pool, peer.Address, api.MethodPing,
		&api.Ping{Node: n.config.NodeID, Load: n.dispatcher.load()})
	if err != nil {
		n.log.Debug("ping not answered", "node", peer.ID, "address", peer.Address, "error", err)
		return
	}
	if pong.Node == peer.ID {
		n.loads.learn(pong.Node, pong.Load)
	}
}

// sweepForever deactivates idle actors.
func (n *Node) sweepForever(ctx context.Context) {
	for env.Sleep(n.env, ctx, n.sweepInterval()) == nil {
		for _, s := range n.dispatcher.unusedSince(n.env.Monotonic() - n.shortestIdleTimeout()) {
			if !n.idle(s) {
				continue
			}
			if n.releases.Acquire(ctx, 1) != nil {
				return
			}
			n.startRelease(s)
		}
	}
}

// watchMemory deactivates actors while all together take too many bytes.
func (n *Node) watchMemory(ctx context.Context) {
	if n.config.MemoryLimit == 0 {
		return
	}
	for env.Sleep(n.env, ctx, memoryLookedAt) == nil {
		for n.dispatcher.excess() > 0 {
			if n.releases.Acquire(ctx, 1) != nil {
				return
			}
			s := n.dispatcher.surplus()
			if s == nil {
				n.releases.Release(1)
				break
			}
			n.goRelease(s)
		}
	}
}

// idle reports whether a slot has had no call for longer than its namespace's idle timeout.
func (n *Node) idle(s *slot) bool {
	return s.idleSince(n.env.Monotonic() - n.settings(s.actor.Namespace).IdleTimeout)
}

// startRelease runs a slot to give its claim up, if it is idle still. It passes the permit of releases on.
func (n *Node) startRelease(s *slot) {
	if !n.idle(s) || !s.claimForIdle() {
		n.releases.Release(1)
		return
	}
	n.goRelease(s)
}

// goRelease runs a slot that was claimed for release. It passes the permit of releases on.
func (n *Node) goRelease(s *slot) {
	n.begin(s)
	n.env.Go("release", func() {
		defer n.releases.Release(1)
		n.runOwn(s)
	})
}

func (n *Node) sweepInterval() time.Duration {
	return min(max(n.shortestIdleTimeout()/sweepsPerIdleTimeout, sweepMin), sweepMax)
}

// shortestIdleTimeout is that of the namespaces that the node hosts.
func (n *Node) shortestIdleTimeout() time.Duration {
	shortest := DefaultIdleTimeout
	for _, ns := range n.keeper.members().Namespaces {
		if _, mine := n.kinds[ns.Name]; mine {
			shortest = min(shortest, ns.IdleTimeout)
		}
	}
	return shortest
}

// settings returns a namespace's settings: the cluster's, or the defaults for one that is not known yet.
func (n *Node) settings(ns string) registry.Namespace {
	if s, ok := n.keeper.members().Namespace(ns); ok {
		return s
	}
	if kind := n.kinds[ns]; kind != nil {
		return defaultSettings(kind)
	}
	return registry.Namespace{Name: ns, Placement: registry.PlaceLeastLoaded, IdleTimeout: DefaultIdleTimeout}
}
