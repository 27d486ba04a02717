// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// Names of the RPC methods. They are never reused for something else.
const (
	MethodInvoke      = "actor.invoke"
	MethodClusterInfo = "cluster.info"
	MethodPing        = "node.ping"
	MethodNodes       = "admin.nodes"
	MethodLeases      = "admin.leases"
	MethodLeaseBreak  = "admin.lease_break"
	MethodClaimBreak  = "admin.claim_break"
	MethodActors      = "admin.actors"
	MethodActorGet    = "admin.actor_get"
	MethodNamespaces  = "admin.namespaces"
	MethodStoreScan   = "admin.store_scan"
)

const (
	// PayloadBytesMax is the size of the largest request to an actor and of its largest reply.
	PayloadBytesMax = 1 << 20
	// MethodBytesMax is the length of the longest method name of an actor.
	MethodBytesMax = 128
	// IdempotencyKeyBytesMax is the length of the longest idempotency key.
	IdempotencyKeyBytesMax = 128
)

// MethodDestroy is the method, of every actor, that deletes its state. Names that begin with
// a dollar sign are Kelpie's own.
const MethodDestroy = "$destroy"
