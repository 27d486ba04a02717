// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// Stop ends the node gracefully: it takes no more calls, finishes those it has, with what their handlers ask of other
// actors, gives up its lease, so that its actors can be taken at once, and closes its connections. While handlers run,
// other nodes take the actors that have nothing left to do. When ctx ends first it goes on without waiting, and
// returns why. Another Stop waits for the first.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	first := !n.stopping
	n.stopping = true
	n.mu.Unlock()
	if !first {
		return n.stopped.Wait(ctx)
	}
	n.mailboxes.Stop()
	var errs []error
	errs = append(errs, n.host.Finish(ctx))
	n.mailboxes.Close()
	errs = append(errs, n.host.DeactivateAll(ctx))
	if n.lease != nil {
		n.lease.Stop() // before the lease ends, or it would be taken again
		errs = append(errs, n.lease.Wait(ctx), n.leave(ctx))
	}
	errs = append(errs, n.server.Close(ctx))
	n.end(nil)
	if err := errors.Join(append(errs, n.tasks.Wait(ctx))...); err != nil {
		return api.Errorf(api.CodeUnavailable, "the node did not stop cleanly: %v", err)
	}
	return nil
}

const (
	// leaveTimeout bounds the giving up of the lease: with the store gone it is left to expire.
	leaveTimeout = 3 * time.Second
	// lastEventsTimeout bounds the storing of the last events before.
	lastEventsTimeout = time.Second
)

// leave stores the node's last events and gives its lease up, and takes note of that for the calls that are still to
// be sent on.
func (n *Node) leave(ctx context.Context) error {
	n.storeLastEvents(ctx)
	ctx, cancel := env.WithTimeout(n.Env, ctx, leaveTimeout)
	defer cancel()
	if err := n.members.Leave(ctx); err != nil {
		return err
	}
	return n.members.Refresh(ctx)
}

// storeLastEvents stores the events that wait, and that the node leaves: without a lease it can't.
func (n *Node) storeLastEvents(ctx context.Context) {
	ctx, cancel := env.WithTimeout(n.Env, ctx, lastEventsTimeout)
	defer cancel()
	n.Happened(api.Event{Kind: api.EventLeft, Node: n.NodeID, Incarnation: n.members.Incarnation(), Cause: "it stops"})
	n.recorder.Finish(ctx)
}

// end is the end of the node's work, for the reason given or by Stop.
func (n *Node) end(reason error) {
	n.mu.Lock()
	first := !n.ending
	if first {
		n.stopping, n.ending, n.ended = true, true, reason
	}
	n.mu.Unlock()
	if !first {
		return
	}
	n.cancel(call.ErrStopped(api.ActorID{}))
	n.tasks.Stop()
	if n.lease != nil {
		n.lease.Stop()
	}
	if n.listener != nil {
		n.listener.Close()
	}
	n.pool.Close()
	_ = n.server.Close(n.Ctx) // which has ended: connections break without a wait
	n.stopped.Set()
}

// Wait blocks until the node has ended, with its tasks, and returns why: nil after Stop. If ctx ends first it
// returns its error.
func (n *Node) Wait(ctx context.Context) error {
	if err := n.stopped.Wait(ctx); err != nil {
		return err
	}
	if err := n.tasks.Wait(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended
}

// Drain has the node, which is about to stop, take no more actors and moves those it has to other nodes, until none
// is left, no other node takes any or hosts what is left, or ctx ends. It returns how many are left. The node goes on
// serving, and Stop is still to be called. An error says why the drain could not begin, or that ctx has ended.
func (n *Node) Drain(ctx context.Context, why string) (left int, err error) {
	return n.migrator.Drain(ctx, why)
}
