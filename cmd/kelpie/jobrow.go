// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

var jobListing = listing[api.BulkStatus]{
	name: func(r *api.BulkStatus) string { return r.Node },
	fields: []field[api.BulkStatus]{
		{key: "node", meaning: "the node whose actors move", header: "NODE", cell: func(r *api.BulkStatus) string {
			return r.Node
		}},
		{key: "node_state", meaning: "state of the node, such as active or draining", header: "NODE STATE",
			wide: true, cell: func(r *api.BulkStatus) string { return dash(r.NodeState) }},
		{key: "job", meaning: "number of the job, among those of the node's present incarnation; 0 if there was " +
			"none",
			header: "JOB", wide: true, cell: func(r *api.BulkStatus) string { return count(r.Job) }},
		{key: "kind", meaning: "why they move: drain, migrate or rebalance", header: "KIND",
			cell: func(r *api.BulkStatus) string { return dash(r.Kind) }},
		{key: "state", meaning: "running, done, cancelled (also by the node's end), or timed_out", header: "STATE",
			cell: func(r *api.BulkStatus) string { return dash(r.State) }},
		{key: "why", meaning: "who started it", header: "FOR", wide: true, cell: func(r *api.BulkStatus) string {
			return dash(r.Why)
		}},
		{key: "to", meaning: "where they move, empty if placement chooses for each", header: "TO", wide: true,
			cell: func(r *api.BulkStatus) string { return dash(r.To) }},
		{key: "namespace", meaning: "the only namespace whose actors move, empty for all", header: "NAMESPACE",
			wide: true, cell: func(r *api.BulkStatus) string { return dash(r.Namespace) }},
		{key: "limit", meaning: "maximum number of actors to move, 0 for no limit", header: "LIMIT", wide: true,
			cell: func(r *api.BulkStatus) string { return limit(r.Limit) }},
		{key: "rate", meaning: "maximum actors per second, 0 for no limit", header: "RATE", wide: true,
			cell: func(r *api.BulkStatus) string { return actorRate(r.Rate) }},
		{key: "total", meaning: "actors to move when it began", header: "TOTAL",
			cell: func(r *api.BulkStatus) string { return strconv.Itoa(r.Total) }},
		{key: "moved", meaning: "actors that have moved, or left on their own", header: "MOVED",
			cell: func(r *api.BulkStatus) string { return strconv.Itoa(r.Moved) }},
		{key: "failed", meaning: "actors that could not be moved", header: "FAILED",
			cell: func(r *api.BulkStatus) string { return strconv.Itoa(r.Failed) }},
		{key: "left", meaning: "actors still to move; for a drain, all that the node has", header: "LEFT",
			cell: func(r *api.BulkStatus) string { return strconv.Itoa(r.Left) }},
		{key: "elapsed_ms", meaning: "how long it has been running", header: "TOOK",
			cell: func(r *api.BulkStatus) string {
				return millis(r.ElapsedMillis)
			}},
		{key: "failures", meaning: "the last actors that failed, up to 100, each with actor and error"},
		{key: "reasons", meaning: "why actors could not move, the most frequent reason first, each with reason " +
			"and actors"},
	},
}

var failureListing = listing[api.BulkFailure]{
	name: func(r *api.BulkFailure) string { return r.Actor },
	fields: []field[api.BulkFailure]{
		{key: "actor", meaning: "the actor", header: "NOT MOVED", cell: func(r *api.BulkFailure) string {
			return r.Actor
		}},
		{key: "error", meaning: "why", header: "WHY", cell: func(r *api.BulkFailure) string { return r.Error }},
	},
}

var migrateListing = listing[api.MigrateReply]{
	name: func(r *api.MigrateReply) string { return r.Actor },
	fields: []field[api.MigrateReply]{
		{key: "actor", meaning: "the actor", header: "ACTOR", cell: func(r *api.MigrateReply) string {
			return r.Actor
		}},
		{key: "from", meaning: "the node that had it before", header: "FROM", cell: func(r *api.MigrateReply) string {
			return r.From
		}},
		{key: "to", meaning: "the node that has it now", header: "TO", cell: func(r *api.MigrateReply) string {
			return r.To
		}},
		{key: "moved", meaning: "whether it moved; if not, it was there already", header: "MOVED",
			cell: func(r *api.MigrateReply) string {
				if r.Moved {
					return "moved"
				}
				return "was there"
			}},
		{key: "token", meaning: "its fencing token", header: "TOKEN", cell: func(r *api.MigrateReply) string {
			return count(r.Token)
		}},
		{key: "pause_us", meaning: "how long it accepted no calls", header: "PAUSE",
			cell: func(r *api.MigrateReply) string {
				if !r.Moved {
					return "-"
				}
				return (time.Duration(r.PauseMicros) * time.Microsecond).String()
			}},
	},
}

func actorRate(rate float64) string {
	if rate == 0 {
		return "none"
	}
	return strconv.FormatFloat(rate, 'g', -1, 64) + "/s"
}
