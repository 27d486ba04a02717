// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Acquit takes back what others may have concluded from the loss of the node's lease: the process has not ended.
func (h *Host) Acquit() {
	left := h.Trials.Leftover(h.Members.Member().Node.Incarnation)
	if len(left) == 0 {
		return
	}
	h.Tasks.Go("acquit", func(ctx context.Context) {
		for _, l := range left {
			changed, err := h.Registry.Acquit(ctx, l.Actor, h.NodeID, l.Incarnation)
			switch {
			case err != nil:
				h.Trials.Marked(l.Actor, l.Incarnation) // until the next heartbeat
				h.Log.Warn("an actor could not be acquitted", "actor", l.Actor.String(), "error", err)
			case changed:
				h.Log.Info("an actor that others suspect was acquitted: this process lives", "actor", l.Actor.String())
				h.Events.Sum(api.Event{
					Kind: api.EventAcquitted, Node: h.NodeID, Actor: l.Actor.String(),
					Cause: "the process that it was running in when the node was fenced has not ended",
				})
			}
		}
	})
}

// attempt is what a mailbox's actor is to be claimed for.
func (h *Host) attempt(s *mailbox.Mailbox, calls []*call.Call) registry.Attempt {
	out := registry.Attempt{Mark: h.Trials.TryEnter(s)}
	if len(calls) > 0 {
		if spec := h.Kinds[s.Actor.Namespace]; spec.Methods[calls[0].Method] != nil {
			out.Method, out.Retry = calls[0].Method, calls[0].Retried()
		}
	}
	return out
}

// quarantined is the error for an actor that is refused, of which the node tells if it is the one that has found out.
func (h *Host) quarantined(id api.ActorID, got registry.Acquired) error {
	err := got.Quarantine.Err()
	if got.Found {
		h.Log.Error("an actor is quarantined: its code was running when a process ended",
			"actor", id.String(), "reason", err.Message)
		h.Happened(api.Event{
			Kind: api.EventQuarantined, Node: h.NodeID, Actor: id.String(), Count: 1, Cause: err.Message,
		})
	}
	return err
}
