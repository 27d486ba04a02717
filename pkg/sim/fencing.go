// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/kelpiehq/kelpie/pkg/kv/ryw"

// holder is the process that has a node's lease, under an incarnation of its own.
type holder struct {
	incarnation incarnation
	by          *life
}

// fencing checks that nobody takes the lease of a process that has been able to reach the store all the time. It is
// called as it happens.
func (a *audit) fencing(d *deed) {
	for _, m := range d.tx.Mutations {
		if m.Kind != ryw.MutationSet {
			continue
		}
		k := a.kind(m.Key)
		if k.kind != keyFence || d.by == nil {
			continue
		}
		now, held := decode[fenceRecord](m.Value).Incarnation, a.holders[k.node]
		if now == held.incarnation {
			continue
		}
		a.holders[k.node] = holder{now, d.by}
		owner := held.by
		if now != (incarnation{}) || d.by.name == k.node || owner == nil || owner.ended || owner.stopped ||
			!owner.started {
			continue
		}
		if from := d.at - 2*a.w.LeaseTTL - 2*patience; from > owner.startedAt && !owner.harmedSince(from) &&
			a.w.breaking[k.node] == 0 {
			a.w.violate("fencing", "%s took the lease of %s, which could reach the store at all times since %v",
				d.who(), k.node, from)
		}
	}
}
