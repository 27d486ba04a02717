// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// StatsActorsMax is how many actors the statistics of a node tell of: so many of each of the orders in which they can
// be looked at.
const StatsActorsMax = 50

// StatsRequest is the request of MethodStats and MethodClusterStats. Both are the same for everybody who asks:
// answers are shared, and up to a second old.
type StatsRequest struct{}

// Usage is what a process takes of its machine.
type Usage struct {
	// CPUMicros is the processor time that it has had, in microseconds.
	CPUMicros int64
	// MemoryBytes is what it has in memory, by the operating system's account.
	MemoryBytes int64
}

// NodeStats answers MethodStats: how a node is doing. Rates and percentiles are of its last whole window, of a second
// or a heartbeat, whichever is longer.
type NodeStats struct {
	Node        string `msgpack:"node" json:"node"`
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	// WindowMillis is how long the window was, 0 before the first has passed.
	WindowMillis int64 `msgpack:"window_ms" json:"window_ms"`
	UptimeMillis int64 `msgpack:"uptime_ms" json:"uptime_ms"`
	// Ages are since when the heartbeats of nodes have not changed, in milliseconds: its own, and of those that it
	// watches.
	Ages map[string]int64 `msgpack:"ages" json:"-"`
	// SetAside counts the actors of each namespace that the node knows to have alarms or messages which wait for a
	// member to host the namespace.
	SetAside map[string]int64 `msgpack:"set_aside" json:"-"`
	// Actors are active, Pending calls are in their mailboxes, waiting or running, Deepest of them in one.
	Actors  int `msgpack:"actors" json:"actors"`
	Pending int `msgpack:"pending" json:"pending"`
	Deepest int `msgpack:"deepest" json:"deepest"`
	// AlarmsFailing and SendsFailing are how many alarms and messages of active actors have failed, and are tried
	// again.
	AlarmsFailing int `msgpack:"alarms_failing" json:"alarms_failing"`
	SendsFailing  int `msgpack:"sends_failing" json:"sends_failing"`
	// Calls were answered by actors of the node since it started, Failed of them with an error.
	Calls  uint64 `msgpack:"calls" json:"calls"`
	Failed uint64 `msgpack:"failed" json:"failed"`
	// Rate and FailedRate are calls a second.
	Rate       float64 `msgpack:"rate" json:"rate"`
	FailedRate float64 `msgpack:"failed_rate" json:"failed_rate"`
	// P50Micros and P99Micros are how long calls took, from their mailbox to their answer; 0 without calls.
	P50Micros int64 `msgpack:"p50_us" json:"p50_us"`
	P99Micros int64 `msgpack:"p99_us" json:"p99_us"`
	// StoreP50Micros and StoreP99Micros are how long commits took, heartbeats among them.
	StoreP50Micros int64 `msgpack:"store_p50_us" json:"store_p50_us"`
	StoreP99Micros int64 `msgpack:"store_p99_us" json:"store_p99_us"`
	// CPU is processor time in hundredths of one processor, -1 if it is not known. MemoryBytes is what the process
	// takes, ActorBytes about what its actors do.
	CPU         float64 `msgpack:"cpu_percent" json:"cpu_percent"`
	MemoryBytes int64   `msgpack:"memory_bytes" json:"memory_bytes"`
	ActorBytes  int64   `msgpack:"actor_bytes" json:"actor_bytes"`
	// Moves are the actors on their way from the node to others, at most StatsActorsMax, the oldest first; Moving is
	// how many there are.
	Moves  []MoveStats `msgpack:"moves" json:"moves"`
	Moving int         `msgpack:"moving" json:"moving"`
	// Job is the job of moving actors that runs, nil if none does.
	Job *BulkStatus `msgpack:"job" json:"job"`
	// Top are the actors that stand out among those called lately: by rate, latency, depth and size.
	Top []ActorStats `msgpack:"top" json:"top"`
	// Events are the newest, at most StatsActorsMax.
	Events []Event `msgpack:"events" json:"events"`
}

// MoveStats is an actor on its way to another node.
type MoveStats struct {
	Actor     string `msgpack:"actor" json:"actor"`
	From      string `msgpack:"from" json:"from"`
	To        string `msgpack:"to" json:"to"`
	Why       string `msgpack:"why" json:"why"`
	AgeMillis int64  `msgpack:"age_ms" json:"age_ms"`
}

// ActorStats is how an activation is doing.
type ActorStats struct {
	Actor string `msgpack:"actor" json:"actor"`
	Node  string `msgpack:"node" json:"node"`
	// Pending calls are in its mailbox, waiting or running.
	Pending int `msgpack:"pending" json:"pending"`
	// Calls were answered since it was activated, Rate of them a second lately: an average with a time constant of
	// RateSeconds.
	Calls uint64  `msgpack:"calls" json:"calls"`
	Rate  float64 `msgpack:"rate" json:"rate"`
	// LatencyMicros is how long calls took lately, from the mailbox to the answer, on average.
	LatencyMicros int64 `msgpack:"latency_us" json:"latency_us"`
	// MemoryBytes is about what it takes in memory.
	MemoryBytes int64 `msgpack:"memory_bytes" json:"memory_bytes"`
	// AgeMillis is since it was activated, IdleMillis since its last call came.
	AgeMillis  int64 `msgpack:"age_ms" json:"age_ms"`
	IdleMillis int64 `msgpack:"idle_ms" json:"idle_ms"`
	// Handler is the method that runs, "" if none does, for RunningMillis.
	Handler       string `msgpack:"handler" json:"handler"`
	RunningMillis int64  `msgpack:"running_ms" json:"running_ms"`
}

// RateSeconds is the time constant of an actor's rate.
const RateSeconds = 10

// ClusterStats answers MethodClusterStats: all members, as one of them sees them.
type ClusterStats struct {
	Cluster ClusterInfo `msgpack:"cluster" json:"cluster"`
	// Time is the wall clock of the node that answers, RFC 3339.
	Time string `msgpack:"time" json:"time"`
	// StoreLost is as in NodesReply.
	StoreLost string         `msgpack:"store_lost" json:"store_lost"`
	Nodes     []NodeOverview `msgpack:"nodes" json:"nodes"`
	// Events are the newest that the members tell, in the order of their times.
	Events []Event `msgpack:"events" json:"events"`
}

// NodeOverview is a node, its lease, and how it is doing.
type NodeOverview struct {
	NodeRow
	AgeMillis     int64 `msgpack:"age_ms" json:"age_ms"`
	TTLLeftMillis int64 `msgpack:"ttl_left_ms" json:"ttl_left_ms"`
	// Beat and Revocations are as in LeaseRow.
	Beat        uint64 `msgpack:"beat" json:"beat"`
	Revocations uint64 `msgpack:"revocations" json:"revocations"`
	// Stats is nil of a node that is no member, or did not answer: Silent says why it did not.
	Stats  *NodeStats `msgpack:"stats" json:"stats"`
	Silent string     `msgpack:"silent" json:"silent"`
}

// ActorStatsRequest is the request of MethodActorStats, which the node answers that has the actor.
type ActorStatsRequest struct {
	Actor string `msgpack:"actor"`
	// State asks for the state, as far as it is stored.
	State bool `msgpack:"state"`
	// Here asks for Stats alone, of the node that is asked.
	Here bool `msgpack:"here"`
}

// ActorDetail answers it: what is known of an actor.
type ActorDetail struct {
	ActorRow
	// Stats is nil if the actor is not active, or its owner did not answer.
	Stats *ActorStats `msgpack:"stats" json:"stats"`
	// StateBytes is the size of what is stored of the actor, its key-value space and what Kelpie keeps for it among
	// it; StateKeys is in how many values. Partial says that it is more than that: only so much was looked at.
	StateBytes int64 `msgpack:"state_bytes" json:"state_bytes"`
	StateKeys  int   `msgpack:"state_keys" json:"state_keys"`
	Partial    bool  `msgpack:"partial" json:"partial"`
	// Stored is the state that the request asked for, nil if it did not.
	Stored *ActorState `msgpack:"stored" json:"-"`
	// Quarantine is why all nodes refuse the actor; "" if they do not.
	Quarantine string `msgpack:"quarantine" json:"quarantine"`
	// Scheduled is what the actor has to do later, nil if the node is of a version that does not tell.
	Scheduled *ActorScheduled `msgpack:"scheduled" json:"scheduled"`
}

// ActorScheduled is what an actor has to do later, as it is stored.
type ActorScheduled struct {
	// Alarms are set, the first of them to run at NextAlarm, RFC 3339; empty for none. AlarmsFailing of them have
	// failed since they were due, with AlarmError the one that runs next.
	Alarms        int    `msgpack:"alarms" json:"alarms"`
	NextAlarm     string `msgpack:"next_alarm" json:"next_alarm"`
	AlarmsFailing int    `msgpack:"alarms_failing" json:"alarms_failing"`
	AlarmError    string `msgpack:"alarm_error" json:"alarm_error"`
	// Sends are messages that are not delivered, the oldest sent at OldestSend. SendsFailing of them were tried and not
	// delivered, with SendError the oldest; NextSend is when the first of those that wait is tried again, empty if none
	// waits.
	Sends        int    `msgpack:"sends" json:"sends"`
	OldestSend   string `msgpack:"oldest_send" json:"oldest_send"`
	NextSend     string `msgpack:"next_send" json:"next_send"`
	SendsFailing int    `msgpack:"sends_failing" json:"sends_failing"`
	SendError    string `msgpack:"send_error" json:"send_error"`
}

// ActorState is an actor's stored state.
type ActorState struct {
	// Struct is the state struct, in msgpack as it is encoded; nil if there is none.
	Struct []byte `msgpack:"struct" json:"-"`
	// Space is its key-value space, in order, as far as it fits a reply; the values are in msgpack.
	Space []StatePair `msgpack:"space" json:"-"`
	// Partial says that not all is there.
	Partial bool `msgpack:"partial" json:"-"`
}

// StatePair is a key of an actor's key-value space and its value.
type StatePair struct {
	Key   string `msgpack:"key"`
	Value []byte `msgpack:"value"`
}
