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
	rpc.HandleTyped(m, api.MethodNodes, n.admin.adminNodes)
	rpc.HandleTyped(m, api.MethodLeases, n.admin.adminLeases)
	rpc.HandleTyped(m, api.MethodLeaseBreak, n.admin.adminLeaseBreak)
	rpc.HandleTyped(m, api.MethodClaimBreak, n.admin.adminClaimBreak)
	rpc.HandleTyped(m, api.MethodActors, n.admin.adminActors)
	rpc.HandleTyped(m, api.MethodActorGet, n.admin.adminActorGet)
	rpc.HandleTyped(m, api.MethodNamespaces, n.admin.adminNamespaces)
	rpc.HandleTyped(m, api.MethodNamespaceSet, n.admin.adminNamespaceSet)
	rpc.HandleTyped(m, api.MethodStoreScan, n.admin.adminStoreScan)
	rpc.HandleTyped(m, api.MethodMovePrepare, n.mover.movePrepare)
	m.Handle(api.MethodMovePiece, n.mover.movePiece)
	m.HandleAsync(api.MethodMoveComplete, n.mover.moveComplete)
	m.HandleAsync(api.MethodMoveCancel, n.mover.moveCancel)
	rpc.HandleTyped(m, api.MethodMigrate, n.mover.adminMigrate)
	rpc.HandleTyped(m, api.MethodBulk, n.mover.adminBulk)
	rpc.HandleTyped(m, api.MethodBulkStatus, n.mover.adminBulkStatus)
	rpc.HandleTyped(m, api.MethodBulkCancel, n.mover.adminBulkCancel)
	rpc.HandleTyped(m, api.MethodRebalance, n.mover.adminRebalance)
	rpc.HandleTyped(m, api.MethodNodeRemove, n.admin.adminNodeRemove)
	rpc.HandleTyped(m, api.MethodActorEvict, n.mover.adminActorEvict)
	rpc.HandleTyped(m, api.MethodPlacements, n.admin.adminPlacements)
	rpc.HandleTyped(m, api.MethodDeadLetters, n.admin.adminDeadLetters)
	rpc.HandleTyped(m, api.MethodDeadLetterRetry, n.admin.adminDeadLetterRetry)
	rpc.HandleTyped(m, api.MethodDeadLetterRm, n.admin.adminDeadLetterRm)
	rpc.HandleTyped(m, api.MethodQuarantines, n.admin.adminQuarantines)
	rpc.HandleTyped(m, api.MethodQuarantineClear, n.admin.adminQuarantineClear)
	rpc.HandleTyped(m, api.MethodStats, n.admin.adminStats)
	rpc.HandleTyped(m, api.MethodClusterStats, n.admin.adminClusterStats)
	rpc.HandleTyped(m, api.MethodActorStats, n.admin.adminActorStats)
	rpc.HandleTyped(m, api.MethodEvents, n.admin.adminEvents)
}

// invoke is where a call enters the node. It runs on the task that reads the connection and does not block.
func (n *Node) invoke(req *rpc.Request) {
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
		ClusterID: m.ClusterID, StoreURL: n.storeURL(), NodeID: n.nodeID, Address: n.address,
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
	n.loads.learn(in.Node, in.Load)
	return &api.Pong{Node: n.nodeID, Incarnation: n.keeper.incarnation(), Load: n.dispatcher.load()}, nil
}

// fromRequest takes a call that has entered the budget out of a request. A call that must not be routed, as the error
// says, is to be finished all the same.
func (n *Node) fromRequest(req *rpc.Request) (*call, error) {
	in, err := api.DecodeInvokeRequest(req.Payload)
	c := &call{actor: in.Actor, method: in.Method, key: in.Key, chain: in.Chain, sender: in.Sender,
		number: in.SendNumber, flags: in.Flags, body: in.Body, context: req.Context}
	if c.number != 0 && req.Peer().NodeID == "" {
		c.flags |= api.InvokeOutside
	}
	entered, bytes := n.env.Monotonic(), len(req.Payload)
	deadline, ok := req.Deadline()
	if !ok {
		deadline = n.env.Monotonic() + defaultDeadline
	}
	c.deadline = deadline
	c.finish = func(body []byte, owner string, err error) {
		n.budget.leave(bytes, n.env.Monotonic()-entered)
		if err != nil {
			req.Reply(nil, err)
			return
		}
		reply := api.InvokeReply{OwnerAddress: owner, Version: n.newest(), Body: body}
		req.Reply(reply.AppendTo(make([]byte, 0, len(body)+len(owner)+replyHeaderBytes)), nil)
	}
	if err == nil {
		err = c.validate()
	}
	return c, err
}

// replyHeaderBytes is room for the header of an InvokeReply.
const replyHeaderBytes = 16
