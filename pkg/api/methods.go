// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// Names of the RPC methods. They are never reused for something else.
const (
	MethodInvoke       = "actor.invoke"
	MethodBirth        = "client.birth"
	MethodClusterInfo  = "cluster.info"
	MethodPing         = "node.ping"
	MethodNodes        = "admin.nodes"
	MethodLeases       = "admin.leases"
	MethodLeaseBreak   = "admin.lease_break"
	MethodClaimBreak   = "admin.claim_break"
	MethodActors       = "admin.actors"
	MethodActorGet     = "admin.actor_get"
	MethodNamespaces   = "admin.namespaces"
	MethodNamespaceSet = "admin.namespace_set"
	MethodStoreScan    = "admin.store_scan"

	MethodMovePrepare  = "move.prepare"
	MethodMovePiece    = "move.piece"
	MethodMoveComplete = "move.complete"
	MethodMoveCancel   = "move.cancel"
	MethodMigrate      = "admin.migrate"
	MethodBulk         = "admin.bulk"
	MethodBulkStatus   = "admin.bulk_status"
	MethodBulkCancel   = "admin.bulk_cancel"
	MethodRebalance    = "admin.rebalance"
	MethodNodeRemove   = "admin.node_rm"
	MethodActorEvict   = "admin.actor_evict"
	MethodPlacements   = "admin.placements"

	MethodDeadLetters     = "admin.dead_letters"
	MethodDeadLetterRetry = "admin.dead_letter_retry"
	MethodDeadLetterRm    = "admin.dead_letter_rm"
	MethodAlarms          = "admin.alarms"
	MethodAlarmCancel     = "admin.alarm_cancel"
	MethodSends           = "admin.sends"
	MethodSendDrop        = "admin.send_drop"
	MethodQuarantines     = "admin.quarantines"
	MethodQuarantineClear = "admin.quarantine_clear"

	MethodStats        = "admin.stats"
	MethodClusterStats = "admin.cluster_stats"
	MethodActorStats   = "admin.actor_stats"
	MethodDescribe     = "admin.describe"
	MethodConvert      = "admin.convert"
	MethodEvents       = "admin.events"
	MethodStoredEvents = "admin.stored_events"
)

const (
	// PayloadBytesMax is the size of the largest request to an actor and of its largest reply.
	PayloadBytesMax = 1 << 20
	// MethodBytesMax is the length of the longest method name of an actor.
	MethodBytesMax = 128
	// IdempotencyKeyBytesMax is the length of the longest idempotency key.
	IdempotencyKeyBytesMax = 128
	// ClientBytesMax is the length of the longest name that a client gives itself.
	ClientBytesMax = 32
	// ChainMax is the maximum number of actors in a chain in which each waits for the next one's answer.
	ChainMax = 16
	// PathBytesMax is the length of the longest path of a call's key: a place of ten digits for each of a chain.
	PathBytesMax = ChainMax * 11
)

// MethodDestroy is the method, of every actor, that deletes its state. Names that begin with
// a dollar sign are Kelpie's own.
const MethodDestroy = "$destroy"

const (
	// MethodWake is the method, of every actor, that only makes it active: it does then what it has to do by itself.
	MethodWake = "$wake"
	// MethodRetry is the method, of every actor, that takes a dead letter of its own, whose number is the request,
	// back to be tried again.
	MethodRetry = "$retry"
	// MethodCancelAlarm is the method, of every actor, that cancels an alarm of its own, whose name is the request.
	MethodCancelAlarm = "$cancel_alarm"
	// MethodDropSends is the method, of every actor, that drops messages of its own that are not delivered yet. Its
	// request is a SendDropRequest, the reply a SendDropReply.
	MethodDropSends = "$drop_sends"
	// MethodSend is the method, of every actor that is not volatile, that takes a message from outside of the cluster:
	// the actor sends it to itself. Its request is a SendRequest.
	MethodSend = "$send"
)
