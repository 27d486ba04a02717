// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

var nodeListing = listing[api.NodeRow]{
	name: func(r *api.NodeRow) string { return r.Node },
	fields: []field[api.NodeRow]{
		{key: "node", meaning: "name of the node", header: "NODE", cell: func(r *api.NodeRow) string { return r.Node }},
		{key: "address", meaning: "address at which others reach it", header: "ADDRESS",
			cell: func(r *api.NodeRow) string {
				return r.Address
			}},
		{key: "state", meaning: "active, suspect, draining, left or failed", header: "STATE", least: len("draining"),
			cell: func(r *api.NodeRow) string { return r.State }},
		{key: "epoch", meaning: "how often its lease has changed", header: "EPOCH", cell: func(r *api.NodeRow) string {
			return count(r.Epoch)
		}},
		{key: "incarnation", meaning: "its present incarnation, empty if it holds no lease",
			header: "INCARNATION", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Incarnation) }},
		{key: "actors", meaning: "active actors, as of its last heartbeat", header: "ACTORS",
			cell: func(r *api.NodeRow) string { return strconv.Itoa(r.Actors) }},
		{key: "pending", meaning: "calls in their mailboxes, as of its last heartbeat", header: "PENDING",
			cell: func(r *api.NodeRow) string { return strconv.Itoa(r.Pending) }},
		{key: "capacity", meaning: "maximum number of active actors, 0 for no limit", header: "CAPACITY", wide: true,
			cell: func(r *api.NodeRow) string { return limit(r.Capacity) }},
		{key: "namespaces", meaning: "namespaces that it hosts", header: "NAMESPACES", wide: true,
			cell: func(r *api.NodeRow) string { return list(r.Namespaces) }},
		{key: "version", meaning: "version of its program", header: "VERSION", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Version) }},
		{key: "program", meaning: "main module of its program, empty if it does not tell", header: "PROGRAM",
			wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Program) }},
		{key: "started", meaning: "when it joined, by its own clock", header: "STARTED", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Started) }},
		{key: "zone", meaning: "its zone, from --zone", header: "ZONE", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Zone) }},
		{key: "labels", meaning: "its labels, each KEY=VALUE, from --label", header: "LABELS", wide: true,
			cell: func(r *api.NodeRow) string { return list(r.Labels) }},
		{key: "unreachable_from", meaning: "members that can't reach it, though its heartbeats go on",
			header: "UNREACHABLE FROM", wide: true,
			cell: func(r *api.NodeRow) string { return list(r.UnreachableFrom) }},
	},
}

var actorListing = listing[api.ActorRow]{
	name: func(r *api.ActorRow) string { return r.Actor },
	fields: []field[api.ActorRow]{
		{key: "actor", meaning: "the actor, NAMESPACE/ID", header: "ACTOR", cell: func(r *api.ActorRow) string {
			return r.Actor
		}},
		{key: "node", meaning: "its owner, empty if it has none", header: "NODE", cell: func(r *api.ActorRow) string {
			return dash(r.Node)
		}},
		{key: "address", meaning: "the owner's address", header: "ADDRESS", wide: true,
			cell: func(r *api.ActorRow) string { return dash(r.Address) }},
		{key: "state", meaning: "owned; orphaned: its owner has lost the lease; released: it has no owner; " +
			"unknown: it was never called", header: "STATE", least: len("released"),
			cell: func(r *api.ActorRow) string { return r.State }},
		{key: "epoch", meaning: "the owner's epoch", header: "EPOCH", cell: func(r *api.ActorRow) string {
			return count(r.Epoch)
		}},
		{key: "token", meaning: "fencing token: grows with every new owner", header: "TOKEN",
			cell: func(r *api.ActorRow) string { return count(r.Token) }},
		{key: "since", meaning: "when the owner took it, by the owner's clock", header: "SINCE",
			cell: func(r *api.ActorRow) string { return dash(r.Since) }},
	},
}

var deadLetterListing = listing[api.DeadLetterRow]{
	name: func(r *api.DeadLetterRow) string { return r.Letter },
	fields: []field[api.DeadLetterRow]{
		{key: "letter", meaning: "its name, ACTOR#NUMBER", header: "LETTER", cell: func(r *api.DeadLetterRow) string {
			return r.Letter
		}},
		{key: "actor", meaning: "the actor that set or sent it", header: "ACTOR", wide: true,
			cell: func(r *api.DeadLetterRow) string { return r.Actor }},
		{key: "kind", meaning: "alarm or send", header: "KIND", cell: func(r *api.DeadLetterRow) string {
			return r.Kind
		}},
		{key: "alarm", meaning: "name of the alarm, empty for a send", header: "ALARM", wide: true,
			cell: func(r *api.DeadLetterRow) string { return dash(r.Alarm) }},
		{key: "target", meaning: "the actor that was called; for an alarm, the actor itself", header: "TARGET",
			cell: func(r *api.DeadLetterRow) string { return r.Target }},
		{key: "method", meaning: "the method that was called", header: "METHOD",
			cell: func(r *api.DeadLetterRow) string { return r.Method }},
		{key: "request_bytes", meaning: "size of the encoded request", header: "BYTES", wide: true,
			cell: func(r *api.DeadLetterRow) string { return strconv.Itoa(r.RequestBytes) }},
		{key: "attempts", meaning: "how often it has failed", header: "ATTEMPTS",
			cell: func(r *api.DeadLetterRow) string { return strconv.Itoa(r.Attempts) }},
		{key: "code", meaning: "code of the last failure; for an application error, followed by a colon and its " +
			"own code", header: "CODE",
			cell: func(r *api.DeadLetterRow) string { return r.Code }},
		{key: "error", meaning: "message of the last failure", header: "ERROR", wide: true,
			cell: func(r *api.DeadLetterRow) string { return dash(r.Error) }},
		{key: "due", meaning: "when the alarm was due, or the message sent", header: "DUE", wide: true,
			cell: func(r *api.DeadLetterRow) string { return r.Due }},
		{key: "died", meaning: "when it became a dead letter, by the clock of the actor's node", header: "DIED",
			cell: func(r *api.DeadLetterRow) string { return r.Died }},
	},
}

var quarantineListing = listing[api.QuarantineRow]{
	name: func(r *api.QuarantineRow) string { return r.Actor },
	fields: []field[api.QuarantineRow]{
		{key: "actor", meaning: "the actor, NAMESPACE/ID", header: "ACTOR", cell: func(r *api.QuarantineRow) string {
			return r.Actor
		}},
		{key: "node", meaning: "the node whose process ended last", header: "NODE",
			cell: func(r *api.QuarantineRow) string { return r.Node }},
		{key: "method", meaning: "what the actor was running then: a method, or activation", header: "METHOD",
			cell: func(r *api.QuarantineRow) string { return r.Method }},
		{key: "nodes", meaning: "number of processes that ended this way", header: "NODES",
			cell: func(r *api.QuarantineRow) string { return strconv.Itoa(r.Nodes) }},
		{key: "versions", meaning: "versions of the program that refuse the actor", header: "VERSIONS", wide: true,
			cell: func(r *api.QuarantineRow) string { return list(r.Versions) }},
		{key: "since", meaning: "when it was quarantined, by the clock of the node that decided it", header: "SINCE",
			cell: func(r *api.QuarantineRow) string { return r.Since }},
		{key: "reason", meaning: "what its callers are told", header: "REASON", wide: true,
			cell: func(r *api.QuarantineRow) string { return r.Reason }},
	},
}

var leaseListing = listing[api.LeaseRow]{
	name: func(r *api.LeaseRow) string { return r.Node },
	fields: []field[api.LeaseRow]{
		{key: "node", meaning: "the node whose lease it is", header: "NODE", cell: func(r *api.LeaseRow) string {
			return r.Node
		}},
		{key: "epoch", meaning: "how often it has changed", header: "EPOCH", cell: func(r *api.LeaseRow) string {
			return count(r.Epoch)
		}},
		{key: "state", meaning: "active, suspect, draining, left or failed", header: "STATE",
			cell: func(r *api.LeaseRow) string { return r.State }},
		{key: "incarnation", meaning: "the incarnation that holds it, empty for none", header: "INCARNATION",
			wide: true, cell: func(r *api.LeaseRow) string { return dash(r.Incarnation) }},
		{key: "age_ms", meaning: "time since the answering node saw a heartbeat, -1 if it does not watch it",
			header: "AGE", cell: func(r *api.LeaseRow) string { return millis(r.AgeMillis) }},
		{key: "ttl_left_ms", meaning: "time left on the lease, -1 if that is not known", header: "TTL LEFT",
			cell: func(r *api.LeaseRow) string { return millis(r.TTLLeftMillis) }},
		{key: "beat", meaning: "number of the last heartbeat", header: "BEAT", wide: true,
			cell: func(r *api.LeaseRow) string { return count(r.Beat) }},
		{key: "revocations", meaning: "claims that other nodes have taken from the node under the lease",
			header: "REVOCATIONS", wide: true, cell: func(r *api.LeaseRow) string { return count(r.Revocations) }},
		{key: "actors", meaning: "active actors at the last heartbeat", header: "ACTORS",
			cell: func(r *api.LeaseRow) string { return strconv.Itoa(r.Actors) }},
	},
}

var namespaceListing = listing[api.NamespaceRow]{
	name: func(r *api.NamespaceRow) string { return r.Namespace },
	fields: []field[api.NamespaceRow]{
		{key: "namespace", meaning: "name of the namespace", header: "NAMESPACE",
			cell: func(r *api.NamespaceRow) string { return r.Namespace }},
		{key: "placement", meaning: "how a node is chosen for an actor without an owner", header: "PLACEMENT",
			cell: func(r *api.NamespaceRow) string { return r.Placement }},
		{key: "consistency", meaning: "of reads: linearizable or stale", header: "CONSISTENCY",
			cell: func(r *api.NamespaceRow) string { return r.Consistency }},
		{key: "idle_timeout_ms", meaning: "how long an actor stays active without calls", header: "IDLE TIMEOUT",
			cell: func(r *api.NamespaceRow) string { return millis(r.IdleTimeoutMillis) }},
		{key: "nodes", meaning: "the members that host it", header: "NODES", cell: func(r *api.NamespaceRow) string {
			return list(r.Nodes)
		}},
		{key: "prefer", meaning: "which nodes placement affinity prefers", header: "PREFER", wide: true,
			cell: func(r *api.NamespaceRow) string { return dash(r.Prefer) }},
		{key: "fallback", meaning: "the placement when affinity or local-first find no room", header: "FALLBACK",
			wide: true, cell: func(r *api.NamespaceRow) string { return dash(r.Fallback) }},
		{key: "set_aside", meaning: "how many actors, at least, have alarms or messages that wait for a node to host " +
			"the namespace and accept actors", header: "SET ASIDE", wide: true,
			cell: func(r *api.NamespaceRow) string { return strconv.FormatInt(r.SetAside, 10) }},
	},
}

var namespaceChangeListing = listing[namespaceChange]{
	name: func(c *namespaceChange) string { return c.Setting },
	fields: []field[namespaceChange]{
		{key: "namespace", meaning: "name of the namespace", header: "NAMESPACE",
			cell: func(c *namespaceChange) string { return c.Namespace }},
		{key: "setting", meaning: "the setting that changes, by its key in the rows of namespaces ls",
			header: "SETTING", cell: func(c *namespaceChange) string { return c.Setting }},
		{key: "before", meaning: "its value before", header: "BEFORE", cell: func(c *namespaceChange) string {
			return dash(c.Before)
		}},
		{key: "after", meaning: "its value from now on", header: "AFTER", cell: func(c *namespaceChange) string {
			return dash(c.After)
		}},
		{key: "dry_run", meaning: "whether this was a dry run"},
	},
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func dash(s string) string { return cmp.Or(s, "-") }

func list(s []string) string { return dash(strings.Join(s, ",")) }

func limit(n int) string {
	if n == 0 {
		return "none"
	}
	return strconv.Itoa(n)
}

// millis shows a time to a tenth of a second, or to the millisecond below that.
func millis(ms int64) string {
	if ms < 0 {
		return "-"
	}
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Second {
		d = d.Round(100 * time.Millisecond)
	}
	return d.String()
}
