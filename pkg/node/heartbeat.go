// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// gossipPeers is how many members a node pings in each heartbeat.
const gossipPeers = 3

// gossipForever tells a few members at a time how busy the node is and learns the same of them.
func (n *Node) gossipForever(ctx context.Context) {
	random := n.env.Rand("gossip")
	for env.Sleep(n.env, ctx, n.keeper.member().Meta.Heartbeat) == nil {
		peers := n.keeper.members().Members()
		for i, at := range random.Perm(len(peers)) {
			if i >= gossipPeers {
				break
			}
			if peers[at].ID != n.nodeID {
				n.ping(ctx, peers[at])
			}
		}
	}
}

func (n *Node) ping(ctx context.Context, peer registry.NodeInfo) {
	ctx, cancel := env.WithTimeout(n.env, ctx, n.keeper.member().Meta.Heartbeat)
	defer cancel()
	pong, err := rpc.CallTyped[api.Ping, api.Pong](ctx, n.pool, peer.Address, api.MethodPing,
		&api.Ping{Node: n.nodeID, Load: n.dispatcher.load()})
	if err != nil {
		n.log.Debug("ping not answered", "node", peer.ID, "address", peer.Address, "error", err)
		return
	}
	n.loads.learn(pong.Node, pong.Load)
}

// watchClock tells of a step of the wall clock.
func (n *Node) watchClock() {
	by := n.clock.by(n.env.Now(), n.env.Monotonic())
	if by == 0 {
		return
	}
	n.log.Warn("the wall clock was stepped, or the machine slept", "by", by.Round(time.Millisecond))
	n.happened(api.Event{Kind: api.EventClockStepped, Node: n.nodeID,
		Cause: fmt.Sprintf(
			"its wall clock went by %+.1f s, or the machine slept: alarms follow it, ownership does not",
			by.Seconds())})
}

// fenced drops every activation: the node's lease is gone.
func (n *Node) fenced() { n.dispatcher.dropAll() }

// beaten passes on what a heartbeat has brought.
func (n *Node) beaten(b registry.Beaten) {
	n.scanner.beaten(b.Unattended)
	n.host.acquit()
}

// load tells the members, by the heartbeat, how busy the node is.
func (n *Node) load() api.Load {
	now := n.env.Monotonic()
	n.dispatcher.gauge(now)
	n.meter.roll(now)
	n.watchClock()
	n.events.flush(n.env.Now())
	load := n.dispatcher.load()
	n.loads.learn(n.nodeID, load)
	return load
}

// failed breaks the connections to a node that was fenced: it may be stopped or cut off, and the calls that
// wait for it would wait until their deadlines.
func (n *Node) failed(node registry.NodeInfo) {
	if node.ID == n.nodeID {
		return
	}
	n.loads.forget(node.ID)
	n.router.forgetNode(node.Address)
	n.pool.Disconnect(node.Address, "node "+node.ID+" has failed")
}
