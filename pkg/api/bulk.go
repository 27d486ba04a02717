// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// Why a node moves many actors.
const (
	// BulkDrain empties the node: it takes no new actors meanwhile, and afterwards.
	BulkDrain = "drain"
	// BulkMigrate moves what an operator has asked for.
	BulkMigrate = "migrate"
	// BulkRebalance moves a node's surplus.
	BulkRebalance = "rebalance"
)

// BulkRequest is the request of MethodBulk: a node is to move many of its actors. The moves are its own work, which
// goes on when whoever asked is gone. A node has one such job at a time; a drain ends another. Any node takes the
// request, and passes it on.
type BulkRequest struct {
	// Node is the one whose actors are to move.
	Node string `msgpack:"node"`
	Kind string `msgpack:"kind"`
	// To is where they are to go; "" is wherever placement puts each.
	To string `msgpack:"to"`
	// Namespace is that of the actors; "" is all.
	Namespace string `msgpack:"namespace"`
	// Limit is how many are to move at the most; 0 is all.
	Limit int `msgpack:"limit"`
	// Rate bounds how many are moved in a second, and is at least BulkRateMin; 0 is as many as can be.
	Rate float64 `msgpack:"rate"`
	// TimeoutMillis is when to give up what is left, in at most a year; 0 is never.
	TimeoutMillis int64 `msgpack:"timeout_ms"`
	// Wait has a drain wait for a node that takes what no node takes now; without, it ends then.
	Wait bool `msgpack:"wait"`
	// DryRun only counts.
	DryRun bool `msgpack:"dry_run"`
	// Force moves actors that have only just been moved.
	Force bool `msgpack:"force"`
	// Why names who asks.
	Why string `msgpack:"why" limit:"256"`
	// By and Shares are of BulkRebalance: how much is to go where, in units of By. Each node has one share.
	By     string      `msgpack:"by"`
	Shares []BulkShare `msgpack:"shares" limit:"10000"`
}

// BulkRateMin is the lowest rate of a BulkRequest: one actor in about three hours.
const BulkRateMin = 0.0001

// BulkShare is how much a node is to get.
type BulkShare struct {
	To     string `msgpack:"to" json:"to"`
	Amount int64  `msgpack:"amount" json:"amount"`
	// Namespace is that of the actors; "" is any that the node hosts.
	Namespace string `msgpack:"namespace" json:"namespace"`
}

// What a rebalance makes equal.
const (
	ByActors = "actors" // how many actors nodes have
	ByLoad   = "load"   // how many calls a second they take
	ByMemory = "memory" // how many bytes their actors take
)

// RebalanceRequest is the request of MethodRebalance: have the nodes that take actors carry the same.
type RebalanceRequest struct {
	By string `msgpack:"by"` // "" is ByActors
	// Plan only tells what would be moved.
	Plan bool `msgpack:"plan"`
	// Rate bounds how many actors each node gives in a second; 0 is as many as can be.
	Rate float64 `msgpack:"rate"`
}

// RebalanceReply answers it. The moves are the giving nodes' own work, which MethodBulkStatus tells about.
type RebalanceReply struct {
	By    string          `msgpack:"by" json:"by"`
	Nodes []BalanceNode   `msgpack:"nodes" json:"nodes"`
	Moves []BalanceMove   `msgpack:"moves" json:"moves"`
	Fails []BalanceFailed `msgpack:"fails" json:"fails"`
}

// BalanceNode is what a node has and is to have.
type BalanceNode struct {
	Node string `msgpack:"node" json:"node"`
	Has  int64  `msgpack:"has" json:"has"`
	Gets int64  `msgpack:"gets" json:"gets"` // less than 0 is what it gives
}

// BalanceMove is how much one node gives another.
type BalanceMove struct {
	From   string `msgpack:"from" json:"from"`
	To     string `msgpack:"to" json:"to"`
	Amount int64  `msgpack:"amount" json:"amount"`
	// Namespace is that of the actors; "" is any.
	Namespace string `msgpack:"namespace" json:"namespace"`
}

// BalanceFailed is a node that does not begin to give.
type BalanceFailed struct {
	Node  string `msgpack:"node" json:"node"`
	Error string `msgpack:"error" json:"error"`
}

// BulkStatusRequest is the request of MethodBulkStatus, about a node's latest job.
type BulkStatusRequest struct {
	Node string `msgpack:"node"`
}

// BulkCancelRequest is the request of MethodBulkCancel: a node's job is to end after the moves that have begun, and
// the node takes actors again if it was draining.
type BulkCancelRequest struct {
	Node string `msgpack:"node"`
	// Kind is that of the job; "" is any. Another job goes on: that is an error, unless Kind is BulkDrain, by which
	// the node takes actors again whatever it is at. By the other kinds it does not.
	Kind string `msgpack:"kind"`
}

// BulkReasonsMax is how many reasons a job tells.
const BulkReasonsMax = 20

// BulkReason is why that many actors could not be moved.
type BulkReason struct {
	Reason string `msgpack:"reason" json:"reason"`
	Actors int    `msgpack:"actors" json:"actors"`
}

// How a job stands.
const (
	BulkRunning   = "running"
	BulkDone      = "done"      // nothing is left, or nothing that could be moved
	BulkCancelled = "cancelled" // by an operator, or the node's end
	BulkTimedOut  = "timed_out"
)

// BulkStatus is how a node's job stands. It answers MethodBulk, MethodBulkStatus and MethodBulkCancel. Job is 0 if
// there never was one.
type BulkStatus struct {
	Node string `msgpack:"node" json:"node"`
	// NodeState is the node's, such as "active" or "draining".
	NodeState string `msgpack:"node_state" json:"node_state"`
	Job       uint64 `msgpack:"job" json:"job"`
	Kind      string `msgpack:"kind" json:"kind"`
	State     string `msgpack:"state" json:"state"`
	Why       string `msgpack:"why" json:"why"`
	// To, Namespace, Limit and Rate are those of the request.
	To        string  `msgpack:"to" json:"to"`
	Namespace string  `msgpack:"namespace" json:"namespace"`
	Limit     int     `msgpack:"limit" json:"limit"`
	Rate      float64 `msgpack:"rate" json:"rate"`
	// Total is how many actors were to move when the job began, Moved and Failed what has become of them, Left how
	// many of them are still there.
	Total  int `msgpack:"total" json:"total"`
	Moved  int `msgpack:"moved" json:"moved"`
	Failed int `msgpack:"failed" json:"failed"`
	Left   int `msgpack:"left" json:"left"`
	// ElapsedMillis is how long the job has run.
	ElapsedMillis int64 `msgpack:"elapsed_ms" json:"elapsed_ms"`
	// Failures are the last of those that failed, at most BulkFailuresMax.
	Failures []BulkFailure `msgpack:"failures" json:"failures"`
	// Reasons are why actors could not be moved, the most frequent first, at most BulkReasonsMax.
	Reasons []BulkReason `msgpack:"reasons" json:"reasons"`
}

// BulkFailuresMax is how many failures a status tells.
const BulkFailuresMax = 100

// BulkFailure is an actor that could not be moved.
type BulkFailure struct {
	Actor string `msgpack:"actor" json:"actor"`
	Error string `msgpack:"error" json:"error"`
}

// NodeRemoveRequest is the request of MethodNodeRemove: forget a node that has left or failed.
type NodeRemoveRequest struct {
	Node string `msgpack:"node"`
}

// NodeRemoveReply answers it.
type NodeRemoveReply struct {
	Node    string `msgpack:"node" json:"node"`
	Removed bool   `msgpack:"removed" json:"removed"`
}
