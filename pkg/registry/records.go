// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// recordVersion is the first byte of every value; the rest is msgpack.
const recordVersion = 1

// Incarnation is one run of a node's membership: 128 random bits, drawn at each join.
// The zero value is nobody.
type Incarnation [16]byte

// String returns the incarnation in hexadecimal, "" for nobody.
func (i Incarnation) String() string {
	if i == (Incarnation{}) {
		return ""
	}
	return hex.EncodeToString(i[:])
}

// ParseIncarnation reads what String returns.
func ParseIncarnation(s string) (i Incarnation, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(i) {
		return i, api.Errorf(api.CodeInvalidArgument, "incarnation %q: must be %d digits in hexadecimal", s, 2*len(i))
	}
	return Incarnation(b), nil
}

// Meta is set once, by the first node.
type Meta struct {
	ClusterID string        `msgpack:"cluster_id"`
	Schema    int           `msgpack:"schema"`
	LeaseTTL  time.Duration `msgpack:"lease_ttl_ns"`
	Heartbeat time.Duration `msgpack:"heartbeat_ns"`
	// Commits is the number that all commits of actors exceed: that of the last that a restored store can know of.
	Commits uint64 `msgpack:"commits,omitempty"`
	// Restore is which restore has made the store, or does: the schema is SchemaRestoring until it has ended. "" is
	// none.
	Restore string `msgpack:"restore,omitempty"`
	// Tokens is the number that all tokens of claims exceed, those of actors that were not in the backup too.
	Tokens uint64 `msgpack:"tokens,omitempty"`
}

// NodeState is where a node is in its life.
type NodeState string

const (
	NodeActive   NodeState = "active"
	NodeDraining NodeState = "draining"
	NodeLeft     NodeState = "left"
	NodeFailed   NodeState = "failed"
	// NodeCorrupt is that of a node whose record can't be read.
	NodeCorrupt NodeState = "corrupt"
)

// NodeInfo is what the members know of a node. It changes with the membership, not with load.
type NodeInfo struct {
	ID          string      `msgpack:"id"`
	Incarnation Incarnation `msgpack:"incarnation"`
	Epoch       uint64      `msgpack:"epoch"`
	Address     string      `msgpack:"address"`
	State       NodeState   `msgpack:"state"`
	Namespaces  []string    `msgpack:"namespaces"`
	// StateVersions are the newest versions of the state that the node can read, one for each of Namespaces; none if
	// all are 0.
	StateVersions []uint32 `msgpack:"state_versions,omitempty"`
	// Durability is how the node's kinds are declared, one for each of Namespaces; none if its version does not say.
	Durability []Durability `msgpack:"durability,omitempty"`
	// Capacity is the greatest number of activations; 0 is no limit.
	Capacity int    `msgpack:"capacity"`
	Version  string `msgpack:"version"`
	// Program names the program that Version is of; "" is not known.
	Program string `msgpack:"program,omitempty"`
	// Started is the node's wall clock when it joined, for people.
	Started time.Time `msgpack:"started"`
	// Zone is where the node is, all of which may fail at once: a rack, a data centre; "" is not known.
	Zone string `msgpack:"zone,omitempty"`
	// Labels are what placement can prefer the node by, each KEY=VALUE, in order.
	Labels []string `msgpack:"labels,omitempty"`
}

// matches reports whether the node is one that a preference of placement names.
func (n *NodeInfo) matches(prefer string) bool {
	switch key, value, _ := strings.Cut(prefer, "="); key {
	case api.PreferNode:
		return n.ID == value
	case api.PreferZone:
		return n.Zone == value
	}
	return slices.Contains(n.Labels, prefer)
}

// StateVersion returns the newest version of a namespace's state that the node can read, and whether it hosts the
// namespace.
func (n *NodeInfo) StateVersion(namespace string) (version uint32, hosts bool) {
	i := slices.Index(n.Namespaces, namespace)
	if i < 0 {
		return 0, false
	}
	if i < len(n.StateVersions) {
		version = n.StateVersions[i]
	}
	return version, true
}

// Fence is the part of a node's lease that changes only when the lease does. It is never
// deleted and its epoch never falls.
type Fence struct {
	// Epoch counts the changes, for people.
	Epoch uint64 `msgpack:"epoch"`
	// Incarnation holds the lease; the zero value when nobody does.
	Incarnation Incarnation `msgpack:"incarnation"`
	// Revocations counts the claims that others took from the node under valid leases.
	Revocations uint64 `msgpack:"revocations"`
	// Left is the incarnation in which the node has last left in good order: what it ran then has ended no process.
	Left Incarnation `msgpack:"left"`
}

// Beat is what a node writes at every heartbeat.
type Beat struct {
	Incarnation Incarnation `msgpack:"incarnation"`
	Seq         uint64      `msgpack:"seq"`
	Load        api.Load    `msgpack:"load"`
	// Unreachable are the members that the node can't reach, and that go on beating.
	Unreachable []Unreachable `msgpack:"unreachable,omitempty"`
}

// claimRecord says who owns an actor. It outlives the owner's release, for its token.
type claimRecord struct {
	Node        string      `msgpack:"node"` // "" for nobody
	Incarnation Incarnation `msgpack:"incarnation"`
	// Token is the fencing token: it grows with every new claim and never falls.
	Token uint64 `msgpack:"token"`
	// Since is the owner's wall clock, for people.
	Since time.Time `msgpack:"since"`
	// Move is the api.MoveID of what has handed the claim over to the owner; nil if it has taken it.
	Move []byte `msgpack:"move,omitempty"`
	// Suspect says that the owner has taken it from a node that failed.
	Suspect bool `msgpack:"suspect,omitempty"`
}

// seqRecord numbers the commits of an actor's state. Batch tells attempts at the same number apart.
type seqRecord struct {
	N     uint64   `msgpack:"n"`
	Batch [16]byte `msgpack:"batch"`
}

func encodeRecord(v any) []byte {
	var b bytes.Buffer
	b.WriteByte(recordVersion)
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(&b)
	enc.UseCompactInts(true)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("registry: a %T does not encode: %v", v, err)) // all are plain data
	}
	return b.Bytes()
}

// decodeRecord decodes the value of key into v; no value leaves v as it is.
// An error is CodeCorruptState, and leaves v in whatever state.
func decodeRecord(key, value []byte, v any) error {
	if value == nil {
		return nil
	}
	if len(value) == 0 || value[0] != recordVersion {
		return api.Errorf(api.CodeCorruptState, "store: key %q has a value of an unknown version", key)
	}
	err := unmarshal(value[1:], v)
	if c, ok := v.(checked); ok && err == nil {
		err = c.check()
	}
	if err != nil {
		return api.Errorf(api.CodeCorruptState, "store: the value of key %q can't be read: %v", key, err)
	}
	return nil
}

// checked is a record that not all values of its fields make sense for.
type checked interface {
	// check says what does not.
	check() error
}

// unmarshal decodes one value of bounded nesting. msgpack's decoder panics on some values that are well-formed.
func unmarshal(b []byte, v any) (err error) {
	d := api.NewDecoder(b)
	if d.Skip(); d.Err() != nil {
		return d.Err()
	}
	defer env.Caught(&err)
	return msgpack.Unmarshal(b, v)
}

// damaged reports whether an error says that a record can't be read: it costs what the record is about, and nothing
// else.
func damaged(err error) bool { return api.CodeOf(err) == api.CodeCorruptState }
