// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/pkg/node"
)

// drain moves the node's actors to other nodes, for as long as timeout, or until SIGINT hurries it. Those that are left
// then are given up by the stop that follows, so that nothing is an error here.
func drain(w world, in interrupts, n *node.Node, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(in.immediate, timeout)
	defer cancel()
	began, actors := time.Now(), n.Load().Activations
	w.log.Info("draining", "actors", actors, "within", timeout)
	left, err := n.Drain(ctx, "its own stop")
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case in.immediate.Err() != nil:
		w.log.Warn("drain interrupted", "left", left, "took", took)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		w.log.Warn("drain ran out of time: other nodes take the remaining actors when they are called", "left", left,
			"took", took)
	case err != nil:
		w.log.Warn("not drained", "left", left, "error", err)
	default:
		w.log.Info("drained", "left", left, "took", took)
	}
}
