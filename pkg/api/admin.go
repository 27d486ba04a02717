// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// The rows of listings are flat. Their snake_case names are a contract with
// scripts that read the JSON: fields are added, never renamed or removed.

// ClusterInfo answers MethodClusterInfo: what a joiner must know and agree with.
type ClusterInfo struct {
	ClusterID string `msgpack:"cluster_id" json:"cluster_id"`
	// StoreURL is where the cluster's store is, as another process reaches it.
	StoreURL        string `msgpack:"store_url" json:"store_url"`
	NodeID          string `msgpack:"node" json:"node"`
	Address         string `msgpack:"address" json:"address"`
	ProtocolVersion int    `msgpack:"protocol_version" json:"protocol_version"`
	Version         string `msgpack:"version" json:"version"`
	// Program is the main module of the node's program, which Version is of; "" if the node does not tell.
	Program         string `msgpack:"program" json:"program"`
	LeaseTTLMillis  int64  `msgpack:"lease_ttl_ms" json:"lease_ttl_ms"`
	HeartbeatMillis int64  `msgpack:"heartbeat_ms" json:"heartbeat_ms"`
	// Schema is the layout of what the cluster has stored.
	Schema int `msgpack:"schema" json:"schema"`
	// Time is the wall clock of the node when it answered, RFC 3339; empty if it is of a version that does not tell.
	// Nothing that keeps actors safe depends on it.
	Time string `msgpack:"time" json:"time"`
	// AlarmsFailing and SendsFailing are how many alarms and messages of the actors that are active on the node have
	// failed, or could not be delivered, and are tried again.
	AlarmsFailing int `msgpack:"alarms_failing" json:"alarms_failing"`
	SendsFailing  int `msgpack:"sends_failing" json:"sends_failing"`
}

// Empty is a request or reply without content.
type Empty struct{}

// Ping is the request of MethodPing, and Pong its answer: nodes tell each other their load.
type Ping struct {
	Node string `msgpack:"node"`
	Load Load   `msgpack:"load"`
	// Parts asks for what the receiver carries of each namespace.
	Parts bool `msgpack:"parts"`
}

// Pong answers a Ping with the receiver's own name, incarnation (hex) and load.
type Pong struct {
	Node        string `msgpack:"node"`
	Incarnation string `msgpack:"incarnation"`
	Load        Load   `msgpack:"load"`
	// Parts are in order of namespace, if they were asked for.
	Parts []LoadPart `msgpack:"parts"`
}

// LoadPart is what a node carries of a namespace.
type LoadPart struct {
	Namespace string `msgpack:"namespace"`
	Actors    int64  `msgpack:"actors"`
	Bytes     int64  `msgpack:"bytes"`
	// Busy is how many of the actors were called lately.
	Busy int64 `msgpack:"busy"`
}

// Load is how busy a node is.
type Load struct {
	// Activations is the number of actors active on the node.
	Activations int `msgpack:"activations" json:"activations"`
	// Pending is the number of calls in its mailboxes.
	Pending int `msgpack:"pending" json:"pending"`
	// Bytes is about what the activations take in memory.
	Bytes int64 `msgpack:"bytes" json:"bytes"`
	// Rate is how many calls a second it has taken lately.
	Rate int64 `msgpack:"rate" json:"rate"`
}

// NodeRow is a row of `kelpie node ls`.
type NodeRow struct {
	Node        string `msgpack:"node" json:"node"`
	Address     string `msgpack:"address" json:"address"`
	State       string `msgpack:"state" json:"state"`
	Epoch       uint64 `msgpack:"epoch" json:"epoch"`
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	// Actors and Pending are as of the node's last heartbeat.
	Actors     int      `msgpack:"actors" json:"actors"`
	Pending    int      `msgpack:"pending" json:"pending"`
	Capacity   int      `msgpack:"capacity" json:"capacity"`
	Namespaces []string `msgpack:"namespaces" json:"namespaces"`
	Version    string   `msgpack:"version" json:"version"`
	// Program is the main module of the node's program, which Version is of; "" if the node does not tell.
	Program string `msgpack:"program" json:"program"`
	// Started is the wall clock of the node when it joined, RFC 3339.
	Started string   `msgpack:"started" json:"started"`
	Zone    string   `msgpack:"zone" json:"zone"`
	Labels  []string `msgpack:"labels" json:"labels"`
	// UnreachableFrom are the members that can't reach the node, though it goes on beating, in order of name.
	UnreachableFrom []string `msgpack:"unreachable_from" json:"unreachable_from"`
}

// NodesReply answers MethodNodes, in order of name.
type NodesReply struct {
	Nodes []NodeRow `msgpack:"nodes"`
	// StoreLost says that the node that answers can't reach the store, since when and why: the rows are what it knew
	// before. It is "" while the store answers.
	StoreLost string `msgpack:"store_lost"`
}

// LeaseRow is a row of `kelpie leases ls`: one lease a node.
type LeaseRow struct {
	Node        string `msgpack:"node" json:"node"`
	Epoch       uint64 `msgpack:"epoch" json:"epoch"`
	State       string `msgpack:"state" json:"state"`
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	// AgeMillis is the time since the answering node last saw the beat change, by its own
	// monotonic clock; -1 if it has not seen it change.
	AgeMillis int64 `msgpack:"age_ms" json:"age_ms"`
	// TTLLeftMillis is what is left of the lease by that clock; -1 if not known.
	TTLLeftMillis int64  `msgpack:"ttl_left_ms" json:"ttl_left_ms"`
	Beat          uint64 `msgpack:"beat" json:"beat"`
	Revocations   uint64 `msgpack:"revocations" json:"revocations"`
	Actors        int    `msgpack:"actors" json:"actors"`
}

// LeasesReply answers MethodLeases, in order of node name.
type LeasesReply struct {
	Leases []LeaseRow `msgpack:"leases"`
}

// LeaseBreakRequest is the request of MethodLeaseBreak: fence a whole node.
type LeaseBreakRequest struct {
	Node string `msgpack:"node"`
}

// LeaseBreakReply answers it. Broken is false when the node held no lease.
type LeaseBreakReply struct {
	Broken bool   `msgpack:"broken" json:"broken"`
	Node   string `msgpack:"node" json:"node"`
	Epoch  uint64 `msgpack:"epoch" json:"epoch"`
}

// ClaimBreakRequest is the request of MethodClaimBreak: take one actor's claim away.
type ClaimBreakRequest struct {
	Actor string `msgpack:"actor"`
}

// ClaimBreakReply answers it. Broken is false when nobody held the claim.
type ClaimBreakReply struct {
	Broken bool   `msgpack:"broken" json:"broken"`
	Actor  string `msgpack:"actor" json:"actor"`
	Node   string `msgpack:"node" json:"node"`
	Token  uint64 `msgpack:"token" json:"token"`
}

// ActorRow is a row of `kelpie actors ls`: one claim.
type ActorRow struct {
	Actor string `msgpack:"actor" json:"actor"`
	Node  string `msgpack:"node" json:"node"`
	// Address is the owner's.
	Address string `msgpack:"address" json:"address"`
	// State is "owned"; "orphaned" when the owner's lease is gone and nobody has called
	// the actor since; "released" when nobody owns it.
	State string `msgpack:"state" json:"state"`
	Epoch uint64 `msgpack:"epoch" json:"epoch"`
	Token uint64 `msgpack:"token" json:"token"`
	// Since is the owner's wall clock when it took the claim, RFC 3339.
	Since string `msgpack:"since" json:"since"`
}

// ActorsRequest is the request of MethodActors: one page of claims, in order of key.
type ActorsRequest struct {
	Namespace string `msgpack:"namespace"` // empty: all
	Node      string `msgpack:"node"`      // empty: all
	// After is the Next of the page before; empty for the first.
	After string `msgpack:"after"`
	// Limit is the greatest number of rows; 0 is 1,000, which is also the most.
	Limit int `msgpack:"limit"`
	// All includes released claims.
	All bool `msgpack:"all"`
	// States are those that an actor must be in one of, of ActorStates; none is any that All allows.
	States []string `msgpack:"states" limit:"16"`
	// Prefix is what ids must begin with. Within one namespace no others are read.
	Prefix string `msgpack:"prefix"`
}

// How a claim stands: the State of an ActorRow.
const (
	ActorOwned    = "owned"
	ActorOrphaned = "orphaned"
	ActorReleased = "released"
	// ActorCorrupt: its claim in the store can't be read.
	ActorCorrupt = "corrupt"
	ActorUnknown = "unknown"
)

// ActorStates returns the states that an actor in a listing can be in.
func ActorStates() []string { return []string{ActorOwned, ActorOrphaned, ActorReleased, ActorCorrupt} }

// ActorsReply answers MethodActors. Next is empty after the last page; a page may be short, or empty, and not the last.
type ActorsReply struct {
	Actors []ActorRow `msgpack:"actors"`
	Next   string     `msgpack:"next"`
}

// ActorGetRequest is the request of MethodActorGet, which answers an ActorRow, of State
// "unknown" if the actor was never activated.
type ActorGetRequest struct {
	Actor string `msgpack:"actor"`
}

// NamespaceRow is a row of `kelpie namespaces ls`.
type NamespaceRow struct {
	Namespace         string   `msgpack:"namespace" json:"namespace"`
	Placement         string   `msgpack:"placement" json:"placement"`
	Consistency       string   `msgpack:"consistency" json:"consistency"`
	IdleTimeoutMillis int64    `msgpack:"idle_timeout_ms" json:"idle_timeout_ms"`
	Nodes             []string `msgpack:"nodes" json:"nodes"`
	// Prefer and Fallback are empty where the placement has no use for them.
	Prefer   string `msgpack:"prefer" json:"prefer"`
	Fallback string `msgpack:"fallback" json:"fallback"`
	// SetAside is of how many actors members know that they have alarms or messages which wait, as no member hosts the
	// namespace and accepts actors. There may be more.
	SetAside int64 `msgpack:"set_aside" json:"set_aside"`
}

// NamespacesReply answers MethodNamespaces, in order of name.
type NamespacesReply struct {
	Namespaces []NamespaceRow `msgpack:"namespaces"`
}

// NamespaceSetRequest is the request of MethodNamespaceSet: what is nil stays as it is.
type NamespaceSetRequest struct {
	Namespace         string  `msgpack:"namespace"`
	Placement         *string `msgpack:"placement"`
	Prefer            *string `msgpack:"prefer"`
	Fallback          *string `msgpack:"fallback"`
	IdleTimeoutMillis *int64  `msgpack:"idle_timeout_ms"`
	Consistency       *string `msgpack:"consistency"`
	// DryRun asks what would change, and changes nothing.
	DryRun bool `msgpack:"dry_run"`
}

// NamespaceSetReply answers it: the settings as they were and as they are, or would be.
type NamespaceSetReply struct {
	Before NamespaceRow `msgpack:"before"`
	After  NamespaceRow `msgpack:"after"`
}

// DescribeRequest is the request of MethodDescribe.
type DescribeRequest struct {
	Namespace string `msgpack:"namespace"`
	// Here has a node that does not host the namespace say so, and not ask another one.
	Here bool `msgpack:"here"`
}

// DescribeReply answers it: the methods of the namespace's kind, in order of name, as the program of one node has
// them.
type DescribeReply struct {
	Node    string      `msgpack:"node"`
	Methods []MethodRow `msgpack:"methods"`
}

// MethodRow is a method of a kind.
type MethodRow struct {
	Method string `msgpack:"method" json:"method"`
	// Reads is whether it only reads.
	Reads bool `msgpack:"reads" json:"reads"`
	// Request and Reply are JSON schemas of what it takes and answers.
	Request []byte `msgpack:"request" json:"request"`
	Reply   []byte `msgpack:"reply" json:"reply"`
}

// ConvertRequest is the request of MethodConvert: what people have written, or are to read, of a call of a method or of
// a state, for a node that knows the types.
type ConvertRequest struct {
	Namespace string `msgpack:"namespace"`
	Method    string `msgpack:"method"`
	// Request is JSON; empty for none.
	Request []byte `msgpack:"request"`
	// Reply is as an actor has answered; empty for none.
	Reply []byte `msgpack:"reply"`
	// State is the state struct of an actor, as it is stored; empty for none.
	State []byte `msgpack:"state"`
	// Here has a node that does not host the namespace say so, and not ask another one.
	Here bool `msgpack:"here"`
}

// ConvertReply answers it.
type ConvertReply struct {
	Node string `msgpack:"node"`
	// Request is as actors take it.
	Request []byte `msgpack:"request"`
	// Reply and State are JSON.
	Reply []byte `msgpack:"reply"`
	State []byte `msgpack:"state"`
	// Plain says that replies of the method are converted without knowing their type.
	Plain bool `msgpack:"plain"`
}

// StoreScanRequest is the request of MethodStoreScan: pairs of the half-open range, End empty meaning the end.
type StoreScanRequest struct {
	Begin []byte `msgpack:"begin"`
	End   []byte `msgpack:"end"`
	Limit int    `msgpack:"limit"`
}

// StorePair is one raw pair of the store.
type StorePair struct {
	Key   []byte `msgpack:"key"`
	Value []byte `msgpack:"value"`
}

// StoreScanReply answers it; More says that the range goes on after the last pair.
type StoreScanReply struct {
	Pairs []StorePair `msgpack:"pairs"`
	More  bool        `msgpack:"more"`
}

// BirthReply answers MethodBirth: a version of the store that a caller's next calls can be born from.
type BirthReply struct {
	Version uint64 `msgpack:"version" json:"version"`
}
