// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// While a cluster is upgraded node by node, actors have states that the nodes not upgraded yet can't read. Such a node
// gives the claim back and refuses the actor, as a node does that has no room, and the call goes to a node that can
// read the state, as the members' records tell. Only if there is none has the actor failed.

// unreadable is why the actor is not activated, whose state is of a later version than its kind's.
func (a *Activation) unreadable(version uint32) error {
	known := a.Spec.Version
	for _, m := range a.parts.Members.Members().Members() {
		v, _ := m.StateVersion(a.Actor.Namespace)
		known = max(known, v)
	}
	if known >= version {
		err := call.RefusedFor(api.RefusedVersion, api.Errorf(api.CodeNoCapacity,
			"actor %s: its state was stored by version %d of the kind, and node %s knows versions up to %d", a.Actor,
			version, a.parts.NodeID, a.Spec.Version))
		err.Detail[api.DetailStateVersion] = strconv.FormatUint(uint64(version), 10)
		return err
	}
	return api.Errorf(api.CodeCorruptState, "actor %s: its state was stored by version %d of the kind, and this "+
		"program knows versions up to %d, as do all members up to %d: start a node with the program that stored it",
		a.Actor, version, a.Spec.Version, known)
}
