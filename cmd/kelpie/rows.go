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
		{key: "address", meaning: "where others reach it", header: "ADDRESS", cell: func(r *api.NodeRow) string {
			return r.Address
		}},
		{key: "state", meaning: "active, suspect, draining, left or failed", header: "STATE",
			cell: func(r *api.NodeRow) string { return r.State }},
		{key: "epoch", meaning: "how often its lease has changed", header: "EPOCH", cell: func(r *api.NodeRow) string {
			return count(r.Epoch)
		}},
		{key: "incarnation", meaning: "its present run, empty if it holds no lease", header: "INCARNATION", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Incarnation) }},
		{key: "actors", meaning: "active actors at its last heartbeat", header: "ACTORS",
			cell: func(r *api.NodeRow) string { return strconv.Itoa(r.Actors) }},
		{key: "pending", meaning: "calls in their mailboxes at its last heartbeat", header: "PENDING",
			cell: func(r *api.NodeRow) string { return strconv.Itoa(r.Pending) }},
		{key: "capacity", meaning: "greatest number of active actors, 0 for no limit", header: "CAPACITY", wide: true,
			cell: func(r *api.NodeRow) string { return limit(r.Capacity) }},
		{key: "namespaces", meaning: "namespaces that it hosts", header: "NAMESPACES", wide: true,
			cell: func(r *api.NodeRow) string { return list(r.Namespaces) }},
		{key: "version", meaning: "version of its program", header: "VERSION", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Version) }},
		{key: "started", meaning: "when it joined, by its own clock", header: "STARTED", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Started) }},
		{key: "zone", meaning: "where it is, by its --zone", header: "ZONE", wide: true,
			cell: func(r *api.NodeRow) string { return dash(r.Zone) }},
		{key: "labels", meaning: "its labels, each KEY=VALUE, by its --label", header: "LABELS", wide: true,
			cell: func(r *api.NodeRow) string { return list(r.Labels) }},
	},
}

var actorListing = listing[api.ActorRow]{
	name: func(r *api.ActorRow) string { return r.Actor },
	fields: []field[api.ActorRow]{
		{key: "actor", meaning: "the actor, NAMESPACE/ID", header: "ACTOR", cell: func(r *api.ActorRow) string {
			return r.Actor
		}},
		{key: "node", meaning: "its owner, empty if nobody is", header: "NODE", cell: func(r *api.ActorRow) string {
			return dash(r.Node)
		}},
		{key: "address", meaning: "the owner's address", header: "ADDRESS", wide: true,
			cell: func(r *api.ActorRow) string { return dash(r.Address) }},
		{key: "state", meaning: "owned; orphaned: its owner has lost the lease; released: nobody owns it; unknown: " +
			"it was never called", header: "STATE", cell: func(r *api.ActorRow) string { return r.State }},
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
		{key: "actor", meaning: "whose alarm or send it was", header: "ACTOR", wide: true,
			cell: func(r *api.DeadLetterRow) string { return r.Actor }},
		{key: "kind", meaning: "alarm or send", header: "KIND", cell: func(r *api.DeadLetterRow) string {
			return r.Kind
		}},
		{key: "alarm", meaning: "name of the alarm, empty for a send", header: "ALARM", wide: true,
			cell: func(r *api.DeadLetterRow) string { return dash(r.Alarm) }},
		{key: "target", meaning: "the actor that was called; of an alarm, the actor itself", header: "TARGET",
			cell: func(r *api.DeadLetterRow) string { return r.Target }},
		{key: "method", meaning: "the method that was called", header: "METHOD",
			cell: func(r *api.DeadLetterRow) string { return r.Method }},
		{key: "request_bytes", meaning: "size of the encoded request", header: "BYTES", wide: true,
			cell: func(r *api.DeadLetterRow) string { return strconv.Itoa(r.RequestBytes) }},
		{key: "attempts", meaning: "how often it has failed", header: "ATTEMPTS",
			cell: func(r *api.DeadLetterRow) string { return strconv.Itoa(r.Attempts) }},
		{key: "code", meaning: "code of the last failure, and of the application's after a colon", header: "CODE",
			cell: func(r *api.DeadLetterRow) string { return r.Code }},
		{key: "error", meaning: "what the last failure said", header: "ERROR", wide: true,
			cell: func(r *api.DeadLetterRow) string { return dash(r.Error) }},
		{key: "due", meaning: "when the alarm was due, or the message sent", header: "DUE", wide: true,
			cell: func(r *api.DeadLetterRow) string { return r.Due }},
		{key: "died", meaning: "when it was given up, by the clock of the actor's node", header: "DIED",
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
		{key: "nodes", meaning: "number of processes that were found to have ended so", header: "NODES",
			cell: func(r *api.QuarantineRow) string { return strconv.Itoa(r.Nodes) }},
		{key: "versions", meaning: "versions of the program that refuse the actor", header: "VERSIONS", wide: true,
			cell: func(r *api.QuarantineRow) string { return list(r.Versions) }},
		{key: "since", meaning: "when it was quarantined, by the clock of the node that found out", header: "SINCE",
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
		{key: "incarnation", meaning: "the run of the node that holds it, empty for none", header: "INCARNATION",
			wide: true, cell: func(r *api.LeaseRow) string { return dash(r.Incarnation) }},
		{key: "age_ms", meaning: "time since the node that answers saw a heartbeat, -1 if it does not watch",
			header: "AGE", cell: func(r *api.LeaseRow) string { return millis(r.AgeMillis) }},
		{key: "ttl_left_ms", meaning: "what is left of the lease, -1 if that is not known", header: "TTL LEFT",
			cell: func(r *api.LeaseRow) string { return millis(r.TTLLeftMillis) }},
		{key: "beat", meaning: "number of the last heartbeat", header: "BEAT", wide: true,
			cell: func(r *api.LeaseRow) string { return count(r.Beat) }},
		{key: "revocations", meaning: "claims that others have taken from the node under the lease",
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
		{key: "placement", meaning: "how a node is chosen for an actor that nobody owns", header: "PLACEMENT",
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
		{key: "fallback", meaning: "the placement where affinity and local-first find no room", header: "FALLBACK",
			wide: true, cell: func(r *api.NamespaceRow) string { return dash(r.Fallback) }},
	},
}

var namespaceChangeListing = listing[namespaceChange]{
	name: func(c *namespaceChange) string { return c.Setting },
	fields: []field[namespaceChange]{
		{key: "namespace", meaning: "name of the namespace", header: "NAMESPACE",
			cell: func(c *namespaceChange) string { return c.Namespace }},
		{key: "setting", meaning: "the setting that changes, by the name that it has in the rows of namespaces ls",
			header: "SETTING", cell: func(c *namespaceChange) string { return c.Setting }},
		{key: "before", meaning: "its value before", header: "BEFORE", cell: func(c *namespaceChange) string {
			return dash(c.Before)
		}},
		{key: "after", meaning: "its value from now on", header: "AFTER", cell: func(c *namespaceChange) string {
			return dash(c.After)
		}},
		{key: "dry_run", meaning: "whether it was only asked what would change"},
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
