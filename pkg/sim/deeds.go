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
	where := d.by.machine.Name()
	if now.Node == "" {
		t.add(where, "claim", "%s is nobody's, token %d (version %d)", actor, now.Token, d.done.Version)
		return
	}
	t.add(where, "claim", "%s is claimed by %s, token %d (version %d)", actor, now.Node, now.Token, d.done.Version)
}

func (t *timeline) fence(d *deed, node string, now fenceRecord) {
	where := d.by.machine.Name()
	switch {
	case now.Incarnation == incarnation{}:
		t.add(where, "lease", "%s has no lease any more, epoch %d (version %d)", node, now.Epoch, d.done.Version)
	case now.Revocations > 0 && node != d.by.name:
		t.add(where, "lease", "%s is told of %d revocations (version %d)", node, now.Revocations, d.done.Version)
	default:
		t.add(where, "lease", "%s has its lease as %x, epoch %d (version %d)", node, now.Incarnation[:4], now.Epoch, d.done.Version)
	}
}
