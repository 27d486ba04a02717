// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"log/slog"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// scope is what every part of a node has at hand. It is copied into each part when the node is put together.
type scope struct {
	env    env.Env
	log    *slog.Logger
	events *events
	// nodeID is the node's name in the cluster.
	nodeID string
	// ctx is the life of the node's own work: it ends when the node does, not when it begins to stop.
	ctx context.Context
}

// happened records an event of the node.
func (s *scope) happened(e api.Event) { s.events.tell(s.env.Now(), e) }

// life returns the context of calls that have no caller.
func (s *scope) life() context.Context { return s.ctx }
