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
	// Version is that of the store at which the view was read.
	Version uint64
	// Nodes are all nodes that ever were members, in order of name.
	Nodes []NodeInfo
	// Namespaces are the settings of all namespaces, in order of name.
	Namespaces []Namespace
	// CorruptNamespaces are the names of those whose settings can't be read.
	CorruptNamespaces []string
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
	i, ok := slices.BinarySearchFunc(v.Namespaces, name, func(ns Namespace, name string) int {
		return cmp.Compare(ns.Name, name)
	})
	if !ok {
		return Namespace{}, false
	}
	return v.Namespaces[i], true
}

// Members returns the nodes that hold a lease, in order of name.
func (v *View) Members() []NodeInfo {
	var out []NodeInfo
	for _, n := range v.Nodes {
		if n.Member() {
			out = append(out, n)
		}
	}
	return out
}

// Member reports whether the node holds a lease, as far as is known.
func (n *NodeInfo) Member() bool { return n.State == NodeActive || n.State == NodeDraining }

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

// Takes reports whether a member hosts a namespace and accepts actors.
func (v *View) Takes(namespace string) bool {
	return slices.ContainsFunc(v.Nodes, func(n NodeInfo) bool {
		return n.State == NodeActive && slices.Contains(n.Namespaces, namespace)
	})
}

// Watched returns the members that the given member is to watch, in order of name. Each member is watched by the one
// that comes after it in each of a few rings, that is orders of all members by a hash of their names (consistent
// hashing, Karger et al., 1997): so each watches as many as it is watched by, a change of membership moves few
// watches, and neighbours that die together have other watchers in the other rings. It takes about as long as sorting
// the members.
func (v *View) Watched(by string) []string {
	members := v.Members()
	var out []string
	watchers := make([][]int, len(members))
	for ring := range watchersPerNode {
		order := ringOrder(members, ring)
		for at, member := range order {
			w := successor(order, at, watchers[member])
			if w < 0 {
				continue // there are too few for one more
			}
			watchers[member] = append(watchers[member], w)
			if members[w].ID == by {
				out = append(out, members[member].ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

// ringOrder returns the indexes of the members in the order of a ring.
func ringOrder(members []NodeInfo, ring int) []int {
	type place struct {
		hash   uint64
		member int
	}
	places := make([]place, len(members))
	for i, m := range members {
		h := fnv.New64a()
		h.Write([]byte(m.ID))
		h.Write([]byte{0, byte(ring)})
		places[i] = place{mix(h.Sum64()), i}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.member, b.member))
	})
	order := make([]int, len(places))
	for i, p := range places {
		order[i] = p.member
	}
	return order
}

// successor returns the first member after a place of a ring that is neither the one there nor taken, -1 if there is
// none.
func successor(order []int, at int, taken []int) int {
	for i := 1; i < len(order); i++ {
		if m := order[(at+i)%len(order)]; !slices.Contains(taken, m) {
			return m
		}
	}
	return -1
}

// mix spreads FNV's low-order differences over all bits (the finalizer of MurmurHash3, Appleby, 2011).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
