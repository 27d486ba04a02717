// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
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
	random := n.Env.Rand("gossip")
	for env.Sleep(n.Env, ctx, n.members.Member().Meta.Heartbeat) == nil {
		peers := n.members.Members().Members()
		for i, at := range random.Perm(len(peers)) {
			if i >= gossipPeers {
				break
			}
			if peers[at].ID != n.NodeID {
				n.ping(ctx, peers[at])
			}
		}
		n.reach.Try(ctx)
	}
}

func (n *Node) ping(ctx context.Context, peer registry.NodeInfo) {
	ctx, cancel := env.WithTimeout(n.Env, ctx, n.members.Member().Meta.Heartbeat)
	defer cancel()
	pong, err := rpc.CallTyped[api.Ping, api.Pong](ctx, n.pool, peer.Address, api.MethodPing,
		&api.Ping{Node: n.NodeID, Load: n.mailboxes.Load()})
	if rpc.Answered(err) { // that it has too much to do, say: it was reached
		n.Log.Debug("ping refused", "node", peer.ID, "address", peer.Address, "error", err)
		n.reach.Reached(peer.ID)
		return
	}
	if err != nil {
		n.Log.Debug("ping not answered", "node", peer.ID, "address", peer.Address, "error", err)
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) { // else the node is stopping
			n.reach.Unreached(peer, err)
		}
		return
	}
	if pong.Node == peer.ID {
		n.loads.Learn(pong.Node, pong.Load)
		n.reach.Reached(peer.ID)
	}
}

// watchClock tells of a step of the wall clock.
func (n *Node) watchClock() {
	by := n.clock.By(n.Env.Now(), n.Env.Monotonic())
	if by == 0 {
		return
	}
	n.Log.Warn("the wall clock was stepped, or the machine slept", "by", by.Round(time.Millisecond))
	n.Happened(api.Event{Kind: api.EventClockStepped, Node: n.NodeID,
		Cause: fmt.Sprintf(
			"its wall clock went by %+.1f s, or the machine slept: alarms follow it, ownership does not",
			by.Seconds())})
	if by < 0 {
		n.waker.Timers.StepBack()
		n.scanner.StepBack()
	}
}

// fenced drops every activation, and what the node thought of others: its lease is gone, and it begins again.
func (n *Node) fenced() {
	n.reach.Clear()
	n.mailboxes.DropAll()
}

// beaten passes on what a heartbeat has brought.
func (n *Node) beaten(b registry.Beaten) {
	n.scanner.Beaten(b.Unattended)
	n.host.Acquit()
}

// load tells the members, by the heartbeat, how busy the node is.
func (n *Node) load() api.Load {
	now := n.Env.Monotonic()
	n.mailboxes.Gauge(now)
	n.meter.Roll(now)
	n.watchClock()
	n.Events.Flush(n.Env.Now())
	load := n.mailboxes.Load()
	n.loads.Learn(n.NodeID, load)
	return load
}

// failed breaks the connections to a node that was fenced: it may be stopped or cut off, and the calls that
// wait for it would wait until their deadlines.
func (n *Node) failed(node registry.NodeInfo) {
	if node.ID == n.NodeID {
		return
	}
	n.loads.Forget(node.ID)
	n.router.ForgetNode(node.Address)
	n.pool.Disconnect(node.Address, "node "+node.ID+" has failed")
}
