// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import "time"

const (
	// SchemaVersion is the layout of keys and values.
	SchemaVersion = 3

	// DefaultLeaseTTL and DefaultHeartbeat are what the first node sets unless told otherwise.
	DefaultLeaseTTL  = 5 * time.Second
	DefaultHeartbeat = time.Second
	// beatsPerTTLMin is how many heartbeats fit in a lease at the least: two may be late or
	// lost without costing the lease.
	beatsPerTTLMin = 3
	// heartbeatMin keeps a mistyped flag from flooding the store.
	heartbeatMin = 10 * time.Millisecond
	// leaseTTLMax keeps a mistyped flag from making failover take forever.
	leaseTTLMax = time.Hour

	// watchersPerNode is how many members watch each node. With three, two may die with it;
	// the reads of a heartbeat stay constant as the cluster grows.
	watchersPerNode = 3

	// idleTimeoutMin keeps a mistyped flag from reloading actors for nearly every call.
	idleTimeoutMin = 100 * time.Millisecond

	// unknownRetryDelay is the longest pause before a transaction of unknown outcome is looked into.
	unknownRetryDelay = 50 * time.Millisecond

	// findingsMax and quarantineVersionsMax bound what is held against an actor: the last is enough to refuse it.
	findingsMax           = 10
	quarantineVersionsMax = 20

	// pageRows is how many claims a listing reads at once.
	pageRows = 1000

	// stateReadBytesMax is the most that an actor's state struct and the records of its calls take in the store, with
	// keys.
	stateReadBytesMax = 64 << 20
	// statePageBytes is how much of it is read at once.
	statePageBytes = 8 << 20
)
