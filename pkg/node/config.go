// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"log/slog"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// DefaultMaxPendingPerActor is how many calls wait in an actor's mailbox at the most.
	DefaultMaxPendingPerActor = 1000
	// DefaultMaxCalls and DefaultMaxCallBytes are how many calls are on their way in a node at the most, and how many
	// bytes their requests have together.
	DefaultMaxCalls     = 50_000
	DefaultMaxCallBytes = 256 << 20
	// DefaultMaxRecords is how many answers an actor keeps.
	DefaultMaxRecords = dedup.DefaultMaxRecords
	// DefaultIdleTimeout is how long an actor without calls stays active.
	DefaultIdleTimeout = membership.DefaultIdleTimeout
)

// Config is what a node is made of. Its fields are read by New and not changed after.
type Config struct {
	// Env is the world the node lives in. Required.
	Env env.Env
	// Store holds the cluster. It stays the caller's, to be closed after the node has stopped. Required.
	Store kv.Store
	// StoreURL is what a joiner is told to open to reach the same store. "kelpie://" without a host
	// means that this node serves it (the methods are in Mux): its own address is filled in.
	StoreURL string
	// Transport connects to other nodes. Required.
	Transport rpc.Transport
	// Mux holds further methods to serve on the node's listener, such as an embedded store's; nil for none. The
	// node adds its own.
	Mux *rpc.Mux

	// NodeID is the node's name in the cluster. Required.
	NodeID string
	// Listen is the address to listen at, HOST:PORT. Required.
	Listen string
	// Advertise is the address that others reach the node at; "" is the one listened at.
	Advertise string
	// ClusterID is the cluster that the store must hold; "" is any.
	ClusterID string
	// Version is the version of the program, for people, and Program the main module that it is of, "" if not known.
	Version, Program string

	// Kinds are the actors that the node hosts, one kind a namespace.
	Kinds []actor.Kind
	// Capacity is the greatest number of activations; 0 is no limit.
	Capacity int
	// Zone is where the node is, all of which may fail at once (see api.ValidateZone); "" is not known.
	Zone string
	// Labels are what placement can prefer the node by, each KEY=VALUE (see api.ValidateLabels).
	Labels []string
	// MemoryLimit is how many bytes the activations take at the most, about; 0 is no limit. Beyond it those that were
	// not called for the longest are deactivated.
	MemoryLimit int64
	// MaxPendingPerActor bounds each actor's mailbox; 0 is DefaultMaxPendingPerActor.
	MaxPendingPerActor int
	// MaxCalls and MaxCallBytes bound the calls that are on their way in the node and the bytes of their requests:
	// what comes beyond is CodeOverloaded. 0 is DefaultMaxCalls and DefaultMaxCallBytes. No actor's mailbox takes
	// more calls than there is still room for.
	MaxCalls     int
	MaxCallBytes int64
	// MaxRecords is how many answers of calls an actor keeps for repeats, beside those that it must keep; 0 is
	// DefaultMaxRecords. Calls whose answers may have been dropped are refused, never run again.
	MaxRecords int
	// MaxBatch is how many calls of an actor are committed together at the most; 0 is all that wait, 1 each alone.
	MaxBatch int
	// CheckReads has the encoded state of an actor compared before and after each call of a reading method. A call
	// that has changed it fails as CodeInternal, and the change is undone. It costs two encodings of the state a call.
	CheckReads bool
	// ReadChanged, if not nil, hears of each such call. It must not block.
	ReadChanged func(id api.ActorID, method string)
	// LeaseTTL and Heartbeat are set by the first node of a cluster, 0 being the registry's
	// defaults; for later nodes 0 is what the cluster has, and anything else must be equal to it.
	LeaseTTL, Heartbeat time.Duration

	// MaxConnections and MaxConnectionsPerAddress are as in rpc.ServerConfig; 0 is its default.
	MaxConnections, MaxConnectionsPerAddress int
	// FenceUnreachable is for how long more than half of all members must be unable to reach a node, whose heartbeats
	// go on, before they fence it, so that its actors are taken; 0 is never. Nodes may differ: each asks for it by its
	// own setting.
	FenceUnreachable time.Duration

	// Usage tells what the process takes of its machine; nil if that is not known. It must not block.
	Usage func() api.Usage
	// Logger gets what an operator wants to know; nil for none.
	Logger *slog.Logger
}

func (c *Config) validate() error {
	switch {
	case c.Env == nil || c.Store == nil || c.Transport == nil:
		return api.Errorf(api.CodeInvalidArgument, "node: Env, Store and Transport are required")
	case c.Listen == "":
		return api.Errorf(api.CodeInvalidArgument, "node: an address to listen at is required, such as 127.0.0.1:7600")
	case c.Capacity < 0:
		return api.Errorf(api.CodeInvalidArgument, "--capacity %d: must not be negative (0 is no limit)", c.Capacity)
	case c.MaxPendingPerActor < 0:
		return api.Errorf(api.CodeInvalidArgument, "max_pending_per_actor %d: must not be negative (0 is %d)",
			c.MaxPendingPerActor, DefaultMaxPendingPerActor)
	case c.MemoryLimit < 0:
		return api.Errorf(api.CodeInvalidArgument, "--memory-limit %d: must not be negative (0 is no limit)",
			c.MemoryLimit)
	case c.MaxCalls < 0:
		return api.Errorf(api.CodeInvalidArgument, "--max-calls %d: must not be negative (0 is %d)", c.MaxCalls,
			DefaultMaxCalls)
	case c.MaxCallBytes < 0:
		return api.Errorf(api.CodeInvalidArgument, "max_call_bytes %d: must not be negative (0 is %d)", c.MaxCallBytes,
			DefaultMaxCallBytes)
	case c.MaxRecords < 0:
		return api.Errorf(api.CodeInvalidArgument, "max_records %d: must not be negative (0 is %d)", c.MaxRecords,
			DefaultMaxRecords)
	case c.FenceUnreachable < 0:
		return api.Errorf(api.CodeInvalidArgument, "--fence-unreachable %v: must not be negative (0 is never)",
			c.FenceUnreachable)
	case c.MaxBatch < 0:
		return api.Errorf(api.CodeInvalidArgument, "max_batch %d: must not be negative (0 is no limit)", c.MaxBatch)
	}
	if err := api.ValidateNodeID(c.NodeID); err != nil {
		return err
	}
	if err := api.ValidateZone(c.Zone); err != nil {
		return err
	}
	if err := api.ValidateLabels(c.Labels); err != nil {
		return err
	}
	if c.LeaseTTL != 0 && c.Heartbeat != 0 {
		if err := registry.ValidateTimes(c.LeaseTTL, c.Heartbeat); err != nil {
			return err
		}
	}
	var names []string
	for _, k := range c.Kinds {
		ns := k.Spec().Namespace
		if slices.Contains(names, ns) {
			return api.Errorf(api.CodeInvalidArgument, "namespace %q is defined by two kinds of actors", ns)
		}
		names = append(names, ns)
		if err := membership.ValidateSettings(k.Spec()); err != nil {
			return err
		}
	}
	return nil
}

// defaults fills in what is 0.
func (c *Config) defaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxPendingPerActor == 0 {
		c.MaxPendingPerActor = DefaultMaxPendingPerActor
	}
	if c.MaxCalls == 0 {
		c.MaxCalls = DefaultMaxCalls
	}
	if c.MaxCallBytes == 0 {
		c.MaxCallBytes = DefaultMaxCallBytes
	}
	if c.MaxRecords == 0 {
		c.MaxRecords = DefaultMaxRecords
	}
	if c.Mux == nil {
		c.Mux = rpc.NewMux()
	}
}
