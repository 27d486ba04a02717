// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// register adds the node's methods to those it serves.
func (n *Node) register(m *rpc.Mux) {
	m.HandleAsync(api.MethodInvoke, n.invoke)
	rpc.HandleTyped(m, api.MethodClusterInfo, n.clusterInfo)
	rpc.HandleTyped(m, api.MethodBirth, n.birth)
	rpc.HandleTyped(m, api.MethodPing, n.pong)
	rpc.HandleTyped(m, api.MethodNodes, n.admin.AdminNodes)
	rpc.HandleTyped(m, api.MethodLeases, n.admin.AdminLeases)
	rpc.HandleTyped(m, api.MethodLeaseBreak, n.admin.AdminLeaseBreak)
	rpc.HandleTyped(m, api.MethodClaimBreak, n.admin.AdminClaimBreak)
	rpc.HandleTyped(m, api.MethodActors, n.admin.AdminActors)
	rpc.HandleTyped(m, api.MethodActorGet, n.admin.AdminActorGet)
	rpc.HandleTyped(m, api.MethodNamespaces, n.admin.AdminNamespaces)
	rpc.HandleTyped(m, api.MethodNamespaceSet, n.admin.AdminNamespaceSet)
	rpc.HandleTyped(m, api.MethodStoreScan, n.admin.AdminStoreScan)
	rpc.HandleTyped(m, api.MethodMovePrepare, n.mover.MovePrepare)
	m.Handle(api.MethodMovePiece, n.mover.MovePiece)
	m.HandleAsync(api.MethodMoveComplete, n.mover.MoveComplete)
	m.HandleAsync(api.MethodMoveCancel, n.mover.MoveCancel)
	rpc.HandleTyped(m, api.MethodMigrate, n.mover.AdminMigrate)
	rpc.HandleTyped(m, api.MethodBulk, n.mover.AdminBulk)
	rpc.HandleTyped(m, api.MethodBulkStatus, n.mover.AdminBulkStatus)
	rpc.HandleTyped(m, api.MethodBulkCancel, n.mover.AdminBulkCancel)
	rpc.HandleTyped(m, api.MethodRebalance, n.mover.AdminRebalance)
	rpc.HandleTyped(m, api.MethodNodeRemove, n.admin.AdminNodeRemove)
	rpc.HandleTyped(m, api.MethodActorEvict, n.mover.AdminActorEvict)
	rpc.HandleTyped(m, api.MethodPlacements, n.admin.AdminPlacements)
	rpc.HandleTyped(m, api.MethodDeadLetters, n.admin.AdminDeadLetters)
	rpc.HandleTyped(m, api.MethodDeadLetterRetry, n.admin.AdminDeadLetterRetry)
	rpc.HandleTyped(m, api.MethodDeadLetterRm, n.admin.AdminDeadLetterRm)
	rpc.HandleTyped(m, api.MethodQuarantines, n.admin.AdminQuarantines)
	rpc.HandleTyped(m, api.MethodQuarantineClear, n.admin.AdminQuarantineClear)
	rpc.HandleTyped(m, api.MethodStats, n.admin.AdminStats)
	rpc.HandleTyped(m, api.MethodClusterStats, n.admin.AdminClusterStats)
	rpc.HandleTyped(m, api.MethodActorStats, n.admin.AdminActorStats)
	rpc.HandleTyped(m, api.MethodEvents, n.admin.AdminEvents)
}

// invoke is where a call enters the node. It runs on the task that reads the connection and does not block.
func (n *Node) invoke(req *rpc.Request) {
	if err := n.budget.Enter(len(req.Payload)); err != nil {
		req.Reply(nil, err)
		return
	}
	c, err := n.fromRequest(req)
	if err != nil {
		c.Finish(nil, "", err)
		return
	}
	n.router.Route(c)
}

func (n *Node) clusterInfo(context.Context, *api.Empty) (*api.ClusterInfo, error) {
	m := n.keeper.Member().Meta
	return &api.ClusterInfo{
		ClusterID: m.ClusterID, StoreURL: n.storeURL(), NodeID: n.NodeID, Address: n.address,
		ProtocolVersion: rpc.ProtocolVersion, Version: n.config.Version,
		LeaseTTLMillis: m.LeaseTTL.Milliseconds(), HeartbeatMillis: m.Heartbeat.Milliseconds(), Schema: m.Schema,
		Time: telemetry.Rfc3339(n.Env.Now()),
	}, nil
}

// birth tells a caller that has had no reply for long from which version its calls can be born.
func (n *Node) birth(context.Context, *api.Empty) (*api.BirthReply, error) {
	if err := n.contact.Err(); err != nil {
		return nil, err // a version from before the outage: the caller's calls would be taken for old ones
	}
	return &api.BirthReply{Version: n.keeper.Version()}, nil
}

// birthAgeMax is how long a version of the store serves the birth of calls from inside the process.
const birthAgeMax = 30 * time.Second

// newest is the newest version of the store for calls to be born from, 0 while the node can't know it.
func (n *Node) newest() uint64 {
	if n.contact.Err() != nil {
		return 0
	}
	return n.keeper.Version()
}

func (n *Node) storeURL() string {
	if n.config.StoreURL == storeHere {
		return storeHere + n.address
	}
	return n.config.StoreURL
}

func (n *Node) pong(_ context.Context, in *api.Ping) (*api.Pong, error) {
	n.loads.Learn(in.Node, in.Load)
	return &api.Pong{Node: n.NodeID, Incarnation: n.keeper.Incarnation(), Load: n.dispatcher.Load()}, nil
}

// fromRequest takes a call that has entered the budget out of a request. A call that must not be routed, as the error
// says, is to be finished all the same.
func (n *Node) fromRequest(req *rpc.Request) (*call.Call, error) {
	in, err := api.DecodeInvokeRequest(req.Payload)
	c := &call.Call{Actor: in.Actor, Method: in.Method, Key: in.Key, Chain: in.Chain, Sender: in.Sender,
		Number: in.SendNumber, Flags: in.Flags, Body: in.Body, Context: req.Context}
	if c.Number != 0 && req.Peer().NodeID == "" {
		c.Flags |= api.InvokeOutside
	}
	entered, bytes := n.Env.Monotonic(), len(req.Payload)
	deadline, ok := req.Deadline()
	if !ok {
		deadline = n.Env.Monotonic() + call.DefaultDeadline
	}
	c.Deadline = deadline
	c.Finish = func(body []byte, owner string, err error) {
		n.budget.Leave(bytes, n.Env.Monotonic()-entered)
		if err != nil {
			req.Reply(nil, err)
			return
		}
		reply := api.InvokeReply{OwnerAddress: owner, Version: n.newest(), Body: body}
		req.Reply(reply.AppendTo(make([]byte, 0, len(body)+len(owner)+replyHeaderBytes)), nil)
	}
	if err == nil {
		err = c.Validate()
	}
	return c, err
}

// replyHeaderBytes is room for the header of an InvokeReply.
const replyHeaderBytes = 16
