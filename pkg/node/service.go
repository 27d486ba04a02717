// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// register adds the node's methods to those it serves.
func (n *Node) register(m *rpc.Mux) {
	m.HandleAsync(api.MethodInvoke, n.invoke)
	rpc.HandleTyped(m, api.MethodClusterInfo, n.clusterInfo)
	rpc.HandleTyped(m, api.MethodBirth, n.birth)
	rpc.HandleTyped(m, api.MethodPing, n.pong)
	rpc.HandleTyped(m, api.MethodNodes, listing(n, n.adminNodes))
	rpc.HandleTyped(m, api.MethodLeases, listing(n, n.adminLeases))
	rpc.HandleTyped(m, api.MethodLeaseBreak, n.adminLeaseBreak)
	rpc.HandleTyped(m, api.MethodClaimBreak, n.adminClaimBreak)
	rpc.HandleTyped(m, api.MethodActors, listing(n, n.adminActors))
	rpc.HandleTyped(m, api.MethodActorGet, n.adminActorGet)
	rpc.HandleTyped(m, api.MethodNamespaces, listing(n, n.adminNamespaces))
	rpc.HandleTyped(m, api.MethodNamespaceSet, n.adminNamespaceSet)
	rpc.HandleTyped(m, api.MethodStoreScan, listing(n, n.adminStoreScan))
	rpc.HandleTyped(m, api.MethodMovePrepare, n.movePrepare)
	m.Handle(api.MethodMovePiece, n.movePiece)
	m.HandleAsync(api.MethodMoveComplete, n.moveComplete)
	m.HandleAsync(api.MethodMoveCancel, n.moveCancel)
	rpc.HandleTyped(m, api.MethodMigrate, n.adminMigrate)
	rpc.HandleTyped(m, api.MethodBulk, n.adminBulk)
	rpc.HandleTyped(m, api.MethodBulkStatus, n.adminBulkStatus)
	rpc.HandleTyped(m, api.MethodBulkCancel, n.adminBulkCancel)
	rpc.HandleTyped(m, api.MethodRebalance, n.adminRebalance)
	rpc.HandleTyped(m, api.MethodNodeRemove, n.adminNodeRemove)
	rpc.HandleTyped(m, api.MethodActorEvict, n.adminActorEvict)
	rpc.HandleTyped(m, api.MethodPlacements, listing(n, n.adminPlacements))
	rpc.HandleTyped(m, api.MethodDeadLetters, listing(n, n.adminDeadLetters))
	rpc.HandleTyped(m, api.MethodDeadLetterRetry, n.adminDeadLetterRetry)
	rpc.HandleTyped(m, api.MethodDeadLetterRm, n.adminDeadLetterRm)
	rpc.HandleTyped(m, api.MethodQuarantines, listing(n, n.adminQuarantines))
	rpc.HandleTyped(m, api.MethodQuarantineClear, n.adminQuarantineClear)
	rpc.HandleTyped(m, api.MethodStats, n.adminStats)
	rpc.HandleTyped(m, api.MethodClusterStats, n.adminClusterStats)
	rpc.HandleTyped(m, api.MethodActorStats, n.adminActorStats)
	rpc.HandleTyped(m, api.MethodEvents, n.adminEvents)
}

// listingsAtOnce is how many listings of the store a node makes at once. Each holds a page and takes the time to
// read and encode it, of which calls of actors and heartbeats have to have their share.
const listingsAtOnce = 4

// listing is a handler that takes its turn with the others that read much of the store.
func listing[Req, Resp any](n *Node, h func(context.Context, *Req) (*Resp, error)) func(context.Context, *Req) (*Resp,
	error) {
	return func(ctx context.Context, in *Req) (*Resp, error) {
		if err := n.listings.Acquire(ctx, 1); err != nil {
			return nil, wireError(err)
		}
		defer n.listings.Release(1)
		return h(ctx, in)
	}
}

// invoke is where a call enters the node. It runs on the task that reads the connection and does not block.
func (n *Node) invoke(req *rpc.Request) {
	req.MayHaveRun()
	if err := n.budget.enter(len(req.Payload)); err != nil {
		req.Reply(nil, err)
		return
	}
	c, err := n.fromRequest(req)
	if err != nil {
		c.finish(nil, "", err)
		return
	}
	n.router.route(c)
}

func (n *Node) clusterInfo(context.Context, *api.Empty) (*api.ClusterInfo, error) {
	m := n.keeper.member().Meta
	return &api.ClusterInfo{
		ClusterID: m.ClusterID, StoreURL: n.storeURL(), NodeID: n.config.NodeID, Address: n.address,
		ProtocolVersion: rpc.ProtocolVersion, Version: n.config.Version,
		LeaseTTLMillis: m.LeaseTTL.Milliseconds(), HeartbeatMillis: m.Heartbeat.Milliseconds(), Schema: m.Schema,
		Time: rfc3339(n.env.Now()),
	}, nil
}

// birth tells a caller that has had no reply for long from which version its calls can be born.
func (n *Node) birth(context.Context, *api.Empty) (*api.BirthReply, error) {
	if err := n.contact.err(); err != nil {
		return nil, err // a version from before the outage: the caller's calls would be taken for old ones
	}
	return &api.BirthReply{Version: n.keeper.version()}, nil
}

// birthAgeMax is how long a version of the store serves the birth of calls from inside the process.
const birthAgeMax = 30 * time.Second

// newest is the newest version of the store for calls to be born from, 0 while the node can't know it.
func (n *Node) newest() uint64 {
	if n.contact.err() != nil {
		return 0
	}
	return n.keeper.version()
}

func (n *Node) storeURL() string {
	if n.config.StoreURL == storeHere {
		return storeHere + n.address
	}
	return n.config.StoreURL
}

func (n *Node) pong(_ context.Context, in *api.Ping) (*api.Pong, error) {
	if node, ok := n.keeper.members().Node(in.Node); ok && node.Member() {
		n.loads.learn(in.Node, in.Load)
	}
	return &api.Pong{Node: n.config.NodeID, Incarnation: n.incarnation(), Load: n.dispatcher.load()}, nil
}
