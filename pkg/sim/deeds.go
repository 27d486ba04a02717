// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import "github.com/kelpiehq/kelpie/pkg/kv/ryw"

// tell adds what a transaction does to leases and claims to the timeline.
func (t *timeline) tell(d *deed) {
	if !t.w.Trace || d.by == nil {
		return
	}
	audit := t.w.store.audit
	for _, m := range d.tx.Mutations {
		if m.Kind != ryw.MutationSet {
			continue
		}
		switch k := audit.kind(m.Key); k.kind {
		case keyClaim:
			t.claim(d, k.actor.String(), decode[claimRecord](m.Value))
		case keyFence:
			t.fence(d, k.node, decode[fenceRecord](m.Value))
		}
	}
}

func (t *timeline) claim(d *deed, actor string, now claimRecord) {
	old := t.claims[actor]
	t.claims[actor] = now
	what := sprintf("%s is claimed by %s", actor, now.Node)
	switch {
	case now.Node == "" && now.Token == old.Token:
		what = sprintf("%s is released by %s", actor, old.Node)
	case now.Node == "":
		what = sprintf("%s is taken from %s", actor, old.Node)
	case old.Node != "" && old.Node != now.Node:
		what += ", after " + old.Node
	}
	t.add(d.by.machine.Name(), "claim", "%s, token %d (version %d)", what, now.Token, d.done.Version)
}

func (t *timeline) fence(d *deed, node string, now fenceRecord) {
	old := t.fences[node]
	t.fences[node] = now
	what := sprintf("%s has its lease as %x", node, now.Incarnation[:4])
	switch {
	case now.Incarnation == incarnation{}:
		what = node + " has no lease any more"
	case now.Incarnation == old.Incarnation:
		what = sprintf("%s is told of %d revocations", node, now.Revocations)
	}
	t.add(d.by.machine.Name(), "lease", "%s, epoch %d (version %d)", what, now.Epoch, d.done.Version)
}
