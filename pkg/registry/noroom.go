// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// noRoom is why the members that host a namespace can't be taken.
type noRoom struct {
	nodes    int
	reasons  []reason // in the order in which they were first met
	capacity struct{ least, most int }
}

type reason struct {
	name  string
	nodes int
}

// add counts a member that can't be taken.
func (n *noRoom) add(node *NodeInfo, name string) {
	n.nodes++
	if c := node.Capacity; name == api.RefusedFull && c > 0 {
		n.capacity.most = max(n.capacity.most, c)
		if n.capacity.least == 0 || c < n.capacity.least {
			n.capacity.least = c
		}
	}
	i := slices.IndexFunc(n.reasons, func(r reason) bool { return r.name == name })
	if i < 0 {
		i, n.reasons = len(n.reasons), append(n.reasons, reason{name: name})
	}
	n.reasons[i].nodes++
}

// err says why, the most common reason first, and what to do about that one.
func (n *noRoom) err(namespace string) error {
	if n.nodes == 0 {
		return api.Errorf(api.CodeUnknownNamespace, "no node hosts namespace %q: see 'kelpie namespaces ls'", namespace)
	}
	// By name where as many have each, so that the same state of the cluster is told the same way.
	slices.SortStableFunc(n.reasons, func(a, b reason) int {
		return cmp.Or(cmp.Compare(b.nodes, a.nodes), cmp.Compare(b.name, a.name))
	})
	told := make([]string, len(n.reasons))
	for i, r := range n.reasons {
		count := fmt.Sprint(r.nodes)
		if i == 0 {
			count = fmt.Sprintf("%d of %d nodes", r.nodes, n.nodes)
		}
		told[i] = count + " " + n.tell(r)
	}
	err := api.Errorf(api.CodeNoCapacity, "no capacity for namespace %q: %s: %s", namespace, strings.Join(told, ", "),
		advice(n.reasons[0].name))
	err.Detail = map[string]string{api.DetailRefused: n.reasons[0].name}
	return err
}

// tell says what is the matter with the nodes of a reason.
func (n *noRoom) tell(r reason) string {
	is := "are"
	if r.nodes == 1 {
		is = "is"
	}
	switch r.name {
	case api.RefusedFull:
		return is + " full of busy actors" + n.tellCapacity()
	case api.RefusedMemory:
		return is + " at the memory limit with busy actors"
	case api.RefusedDraining:
		return is + " draining"
	case api.RefusedStopping:
		return is + " stopping"
	case api.RefusedLeaving:
		return is + " where the actor moves from"
	case api.RefusedVersion:
		if r.nodes == 1 {
			return "runs a program that can't read the actor's state"
		}
		return "run programs that can't read the actor's state"
	}
	return is + " excluded"
}

func (n *noRoom) tellCapacity() string {
	switch least, most := n.capacity.least, n.capacity.most; {
	case most == 0:
		return ""
	case least == most:
		return fmt.Sprintf(" (capacity %d)", most)
	default:
		return fmt.Sprintf(" (capacities %d to %d)", least, most)
	}
}

func advice(reason string) string {
	switch reason {
	case api.RefusedMemory:
		return "add a node, or raise --memory-limit"
	case api.RefusedDraining, api.RefusedStopping, api.RefusedLeaving:
		return "add a node"
	case api.RefusedVersion:
		return "upgrade the others"
	}
	return "add a node, or raise --capacity"
}
