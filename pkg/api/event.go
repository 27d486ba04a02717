// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// Kinds of events. They are a contract with scripts: only ever added to.
const (
	EventJoined       = "joined"       // a node has joined, or joined again under a new incarnation
	EventLeft         = "left"         // a node has given its lease up
	EventFailed       = "failed"       // a node was fenced
	EventDraining     = "draining"     // a node takes no more actors
	EventUndrained    = "undrained"    // a node takes actors again
	EventLeaseLost    = "lease_lost"   // a node has found that it was fenced, and dropped its actors
	EventLeaseBroken  = "lease_broken" // an operator has broken a node's lease
	EventClaimBroken  = "claim_broken" // an operator has taken an actor from its owner
	EventTakenOver    = "taken_over"   // actors were claimed whose owner was gone
	EventMigrated     = "migrated"     // an actor has moved
	EventMoveFailed   = "move_failed"  // an actor was to move, and stays
	EventJobBegan     = "job_began"    // a drain, a rebalance or another job of moving actors
	EventJobEnded     = "job_ended"
	EventStuck        = "stuck"         // a handler does not return
	EventAbandoned    = "abandoned"     // an activation was given up for that
	EventCrashed      = "crashed"       // actors could not be activated: their state or their hook has failed
	EventDeadLetter   = "dead_letter"   // alarms or messages were given up
	EventClockStepped = "clock_stepped" // a node's wall clock was set, or its machine slept
	EventStoreLost    = "store_lost"    // a node can't reach the store
	EventStoreBack    = "store_back"    // it can again
	EventQuarantined  = "quarantined"   // an actor has ended the process of a node, and is refused from now on
	EventUnreachable  = "unreachable"   // a node can't be reached from another, and its heartbeats go on
	EventReachable    = "reachable"     // it can again
	EventAcquitted    = "acquitted"     // what was held against an actor was taken back
	EventEventsLost   = "events_lost"   // a node dropped events before it could store them
	EventCorrupt      = "corrupt"       // an event was stored whose record can't be read
	EventAlarmFailed  = "alarm_failed"  // alarms have failed for the first time since they were due
	EventSendFailed   = "send_failed"   // messages could not be delivered, or have failed, for the first time
)

const (
	// EventsKept is how many events a node remembers, and how many of each node the store keeps at most.
	EventsKept = 1000
	// EventsKeptFor is for how long the store keeps events: over a weekend with holidays. What is older is deleted
	// when there are newer ones to store.
	EventsKeptFor = 7 * 24 * time.Hour
	// TimeLayout is how times of events, and others for people, are written, in UTC.
	TimeLayout = "2006-01-02T15:04:05.000Z07:00"
)

// Event is a row of `kelpie events`: something that happened to a node or to actors, as the node that tells it knows
// it. Nodes keep the last of them in memory, and store them a moment later.
type Event struct {
	// Time is the wall clock of the node that tells it, RFC 3339; "" if its record can't be read.
	Time string `msgpack:"time" json:"time"`
	// By is the node that tells it, and Number its place among that node's events: numbers of a node grow, also when
	// it is restarted.
	By     string `msgpack:"by" json:"by"`
	Number uint64 `msgpack:"number" json:"number"`
	Kind   string `msgpack:"kind" json:"kind"`
	// Node and Actor are what it is about; Actor is "" if it is a node, or Count actors of which it is an example.
	Node  string `msgpack:"node" json:"node"`
	Actor string `msgpack:"actor" json:"actor"`
	// Incarnation is that of Node, where it matters, in hexadecimal digits.
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	// Count is how many actors it is about, 0 if it is a node.
	Count int `msgpack:"count" json:"count"`
	// From and To are where actors went, "" if they did not.
	From string `msgpack:"from" json:"from"`
	To   string `msgpack:"to" json:"to"`
	// Cause says why, in words.
	Cause string `msgpack:"cause" json:"cause"`
}

// EventsRequest is the request of MethodEvents.
type EventsRequest struct {
	// After are the numbers of the last events known, by node. Of a node that is not among them all are told that it
	// has kept.
	After map[string]uint64 `msgpack:"after" limit:"10000"`
	// Limit is the greatest number of events of each node, the newest; 0 is all.
	Limit int `msgpack:"limit"`
	// Here asks for those of the node alone that is asked.
	Here bool `msgpack:"here"`
}

// EventsReply answers it, in the order of their times. What several nodes tell of the same is told once.
type EventsReply struct {
	Events []Event `msgpack:"events"`
	// After is for the next request.
	After map[string]uint64 `msgpack:"after"`
	// Silent are members that did not answer: theirs are missing.
	Silent []string `msgpack:"silent"`
}

// StoredEventsRequest is the request of MethodStoredEvents: a page of what nodes have stored of their events, those of
// one node after those of another, in order of number.
type StoredEventsRequest struct {
	// SinceMillis leaves out what happened before, in milliseconds since 1970 by the clock of the node that it happened
	// on; 0 leaves out nothing.
	SinceMillis int64 `msgpack:"since_ms"`
	// After is Next of the page before.
	After []byte `msgpack:"after" limit:"10000"`
}

// StoredEventsReply answers it. A page may be empty and not the last.
type StoredEventsReply struct {
	Events []Event `msgpack:"events"`
	// Next is for the next page, nil if this is the last.
	Next []byte `msgpack:"next"`
}
