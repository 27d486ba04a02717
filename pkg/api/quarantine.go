// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// QuarantineRow is a row of `kelpie actors quarantine ls`: an actor that has ended the process of a node.
type QuarantineRow struct {
	Actor string `msgpack:"actor" json:"actor"`
	// Node is the one whose process has ended last, while it ran Method.
	Node   string `msgpack:"node" json:"node"`
	Method string `msgpack:"method" json:"method"`
	// Nodes is how many processes were found to have ended so.
	Nodes int `msgpack:"nodes" json:"nodes"`
	// Versions are those of the programs that refuse the actor; none if only the last node of a cluster does.
	Versions []string `msgpack:"versions" json:"versions"`
	// Since is when the actor was quarantined, by the clock of the node that found out, RFC 3339.
	Since string `msgpack:"since" json:"since"`
	// Reason is what callers are told.
	Reason string `msgpack:"reason" json:"reason"`
}

// QuarantinesRequest is the request of MethodQuarantines: one page, in order of actor.
type QuarantinesRequest struct {
	Namespace string `msgpack:"namespace"` // empty: all
	// After is the Next of the page before; empty for the first.
	After string `msgpack:"after"`
	// Limit is the greatest number of rows; 0 is 1,000, which is also the most.
	Limit int `msgpack:"limit"`
}

// QuarantinesReply answers it. Next is empty after the last page.
type QuarantinesReply struct {
	Quarantines []QuarantineRow `msgpack:"quarantines"`
	Next        string          `msgpack:"next"`
}

// QuarantineRequest is the request of MethodQuarantineClear. It fails as CodeNotFound if the actor is not quarantined.
type QuarantineRequest struct {
	Actor string `msgpack:"actor"`
}

// QuarantineReply answers it.
type QuarantineReply struct {
	Actor string `msgpack:"actor" json:"actor"`
}
