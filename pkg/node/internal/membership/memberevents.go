// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// changedMembers tells of nodes that have come or gone between two views. All members do; only one of them is heard.
func (k *Manager) changedMembers(before, after *registry.View) {
	now := k.Env.Now()
	for _, node := range after.Nodes {
		was, _ := before.Node(node.ID)
		e := api.Event{Node: node.ID, Incarnation: node.Incarnation.String()}
		switch {
		case node.Member() && was.Incarnation != node.Incarnation && node.ID == k.NodeID:
			continue // told when it joined
		case was.Member() && node.State == registry.NodeLeft && node.ID == k.NodeID:
			continue // told before it left
		case node.Member() && was.Incarnation != node.Incarnation:
			e.Kind, e.Cause = api.EventJoined, "at "+node.Address
		case node.Member() && was.State != node.State && node.State == registry.NodeDraining:
			e.Kind = api.EventDraining
		case node.Member() && was.State != node.State:
			e.Kind = api.EventUndrained
		case was.Member() && node.State == registry.NodeFailed:
			e.Kind, e.Incarnation = api.EventFailed, was.Incarnation.String()
		case was.Member() && !node.Member():
			e.Kind, e.Incarnation = api.EventLeft, was.Incarnation.String()
		default:
			continue
		}
		k.Events.Tell(now, e)
	}
}
