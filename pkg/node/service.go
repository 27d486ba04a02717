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
	rpc.HandleTyped(m, api.MethodNodes, listing(n, n.admin.ServeNodes))
	rpc.HandleTyped(m, api.MethodLeases, listing(n, n.admin.ServeLeases))
	rpc.HandleTyped(m, api.MethodLeaseBreak, n.admin.ServeLeaseBreak)
	rpc.HandleTyped(m, api.MethodClaimBreak, n.admin.ServeClaimBreak)
	rpc.HandleTyped(m, api.MethodActors, listing(n, n.admin.ServeActors))
	rpc.HandleTyped(m, api.MethodActorGet, n.admin.ServeActorGet)
	rpc.HandleTyped(m, api.MethodNamespaces, listing(n, n.admin.ServeNamespaces))
	rpc.HandleTyped(m, api.MethodNamespaceSet, n.admin.ServeNamespaceSet)
	rpc.HandleTyped(m, api.MethodStoreScan, listing(n, n.admin.ServeStoreScan))
	rpc.HandleTyped(m, api.MethodMovePrepare, n.migrator.ServePrepare)
	m.Handle(api.MethodMovePiece, n.migrator.ServePiece)
	m.HandleAsync(api.MethodMoveComplete, n.migrator.ServeComplete)
	m.HandleAsync(api.MethodMoveCancel, n.migrator.ServeCancel)
	rpc.HandleTyped(m, api.MethodMigrate, n.migrator.ServeMigrate)
	rpc.HandleTyped(m, api.MethodBulk, n.migrator.ServeBulk)
	rpc.HandleTyped(m, api.MethodBulkStatus, n.migrator.ServeBulkStatus)
	rpc.HandleTyped(m, api.MethodBulkCancel, n.migrator.ServeBulkCancel)
	rpc.HandleTyped(m, api.MethodRebalance, n.migrator.ServeRebalance)
	rpc.HandleTyped(m, api.MethodNodeRemove, n.admin.ServeNodeRemove)
	rpc.HandleTyped(m, api.MethodActorEvict, n.migrator.ServeActorEvict)
	rpc.HandleTyped(m, api.MethodPlacements, listing(n, n.admin.ServePlacements))
	rpc.HandleTyped(m, api.MethodDeadLetters, listing(n, n.admin.ServeDeadLetters))
	rpc.HandleTyped(m, api.MethodDeadLetterRetry, n.admin.ServeDeadLetterRetry)
	rpc.HandleTyped(m, api.MethodDeadLetterRm, n.admin.ServeDeadLetterRm)
	rpc.HandleTyped(m, api.MethodAlarms, listing(n, n.admin.ServeAlarms))
	rpc.HandleTyped(m, api.MethodAlarmCancel, n.admin.ServeAlarmCancel)
	rpc.HandleTyped(m, api.MethodSends, listing(n, n.admin.ServeSends))
	rpc.HandleTyped(m, api.MethodSendDrop, n.admin.ServeSendDrop)
	rpc.HandleTyped(m, api.MethodQuarantines, listing(n, n.admin.ServeQuarantines))
	rpc.HandleTyped(m, api.MethodQuarantineClear, n.admin.ServeQuarantineClear)
	rpc.HandleTyped(m, api.MethodStats, n.admin.ServeStats)
	rpc.HandleTyped(m, api.MethodClusterStats, n.admin.ServeClusterStats)
	rpc.HandleTyped(m, api.MethodActorStats, n.admin.ServeActorStats)
	rpc.HandleTyped(m, api.MethodDescribe, n.admin.ServeDescribe)
	rpc.HandleTyped(m, api.MethodConvert, n.admin.ServeConvert)
	rpc.HandleTyped(m, api.MethodEvents, n.admin.ServeEvents)
	rpc.HandleTyped(m, api.MethodStoredEvents, listing(n, n.admin.ServeStoredEvents))
}

// listingsAtOnce is how many listings of the store a node makes at once. Each holds a page and takes the time to
// read and encode it, of which calls of actors and heartbeats have to have their share.
const listingsAtOnce = 4

// listing is a handler that takes its turn with the others that read much of the store.
func listing[Req, Resp any](n *Node, h func(context.Context, *Req) (*Resp, error)) func(context.Context, *Req) (*Resp,
	error) {
	return func(ctx context.Context, in *Req) (*Resp, error) {
		if err := n.listings.Acquire(ctx, 1); err != nil {
			return nil, call.WireError(err)
		}
		defer n.listings.Release(1)
		return h(ctx, in)
	}
}

// invoke is where a call enters the node. It runs on the task that reads the connection and does not block.
func (n *Node) invoke(req *rpc.Request) {
	req.MayHaveRun()
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
	m := n.members.Member().Meta
	alarms, sends := n.mailboxes.Failing()
	return &api.ClusterInfo{
		ClusterID: m.ClusterID, StoreURL: n.storeURL(), NodeID: n.NodeID, Address: n.address,
		ProtocolVersion: rpc.ProtocolVersion, Version: n.config.Version, Program: n.config.Program,
		LeaseTTLMillis: m.LeaseTTL.Milliseconds(), HeartbeatMillis: m.Heartbeat.Milliseconds(), Schema: m.Schema,
		Time: telemetry.RFC3339(n.Env.Now()), AlarmsFailing: alarms, SendsFailing: sends,
	}, nil
}

// birth tells a caller that has had no reply for long from which version its calls can be born.
func (n *Node) birth(context.Context, *api.Empty) (*api.BirthReply, error) {
	if err := n.contact.Err(); err != nil {
		return nil, err // a version from before the outage: the caller's calls would be taken for old ones
	}
	return &api.BirthReply{Version: n.members.Version()}, nil
}

// birthAgeMax is how long a version of the store serves the birth of calls from inside the process.
const birthAgeMax = 30 * time.Second

// newest is the newest version of the store for calls to be born from, 0 while the node can't know it.
func (n *Node) newest() uint64 {
	if n.contact.Err() != nil {
		return 0
	}
	return n.members.Version()
}

func (n *Node) storeURL() string {
	if n.config.StoreURL == storeHere {
		return storeHere + n.address
	}
	return n.config.StoreURL
}

func (n *Node) pong(_ context.Context, in *api.Ping) (*api.Pong, error) {
	if node, ok := n.members.Members().Node(in.Node); ok && node.Member() {
		n.loads.Learn(in.Node, in.Load)
	}
	out := &api.Pong{Node: n.NodeID, Incarnation: n.members.Incarnation(), Load: n.mailboxes.Load()}
	if in.Parts {
		out.Parts = n.migrator.LoadParts()
	}
	return out, nil
}

// fromRequest takes a call that has entered the budget out of a request. A call that must not be routed, as the error
// says, is to be finished all the same.
func (n *Node) fromRequest(req *rpc.Request) (*call.Call, error) {
	in, err := api.DecodeInvokeRequest(req.Payload)
	c := &call.Call{Actor: in.Actor, Method: in.Method, Key: in.Key, Chain: in.Chain, Sender: in.Sender,
		Number: in.SendNumber, Flags: in.Flags, Body: in.Body, Context: req.Context,
		OnGone: req.OnAbandoned, Gone: req.Abandoned}
	if c.Number != 0 && req.Peer().NodeID == "" {
		c.Flags |= api.InvokeOutside
	}
	entered, bytes := n.Env.Monotonic(), len(req.Payload)
	deadline, ok := req.Deadline()
	if !ok {
		deadline = n.Env.Monotonic() + call.DefaultDeadline
	}
	c.Deadline = deadline
	c.AnswerBy = deadline - min((deadline-entered)/call.AnswerTripPart, call.AnswerTripMax)
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
