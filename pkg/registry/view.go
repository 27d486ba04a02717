// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// View is the membership as a node last read it. It is immutable.
type View struct {
	// Counter is the membership counter that the view belongs to.
	Counter uint64
	// Nodes are all nodes that ever were members, in order of name.
	Nodes []NodeInfo
	// Namespaces are the settings of all namespaces, in order of name.
	Namespaces []Namespace
}

// Node returns a node by its name, and whether it is known.
func (v *View) Node(id string) (NodeInfo, bool) {
	i, ok := slices.BinarySearchFunc(v.Nodes, id, func(n NodeInfo, id string) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return NodeInfo{}, false
	}
	return v.Nodes[i], true
}

// Namespace returns the settings of a namespace, and whether it is known.
func (v *View) Namespace(name string) (Namespace, bool) {
	i, ok := slices.BinarySearchFunc(v.Namespaces, name, func(ns Namespace, name string) int { return cmp.Compare(ns.Name, name) })
	if !ok {
		return Namespace{}, false
	}
	return v.Namespaces[i], true
}

// Members returns the nodes that hold a lease, in order of name.
func (v *View) Members() []NodeInfo {
	var out []NodeInfo
	for _, n := range v.Nodes {
		if n.State == NodeActive || n.State == NodeDraining {
			out = append(out, n)
		}
	}
	return out
}

// Hosts returns the names of the members that host a namespace, in order.
func (v *View) Hosts(namespace string) []string {
	hosts := []string{}
	for _, n := range v.Members() {
		if slices.Contains(n.Namespaces, namespace) {
			hosts = append(hosts, n.ID)
		}
	}
	return hosts
}

// Watched returns the members that the given member is to watch, in order of name: each member is
// watched by the few others that have the highest hash together with it (rendezvous hashing,
// Thaler and Ravishankar, 1996), so a change of membership moves few watches.
func (v *View) Watched(by string) []string {
	members := v.Members()
	var out []string
	for _, n := range members {
		if n.ID != by && isWatcher(members, by, n.ID) {
			out = append(out, n.ID)
		}
	}
	return out
}

// isWatcher reports whether fewer than watchersPerNode other members come before the watcher.
func isWatcher(members []NodeInfo, watcher, watched string) bool {
	mine, before := rendezvous(watcher, watched), 0
	for _, m := range members {
		if m.ID == watched || m.ID == watcher {
			continue
		}
		if h := rendezvous(m.ID, watched); h > mine || h == mine && m.ID < watcher {
			before++
		}
	}
	return before < watchersPerNode
}

func rendezvous(watcher, watched string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(watcher))
	h.Write([]byte{0})
	h.Write([]byte(watched))
	return mix(h.Sum64())
}

// mix spreads FNV's low-order differences over all bits (the finalizer of MurmurHash3, Appleby, 2011).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
