// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Scope is what every part of a node has at hand. It is copied into each part when the node is put together.
type Scope struct {
	Env    env.Env
	Log    *slog.Logger
	Events *Events
	// NodeID is the node's name in the cluster.
	NodeID string
	// Ctx is the life of the node's own work: it ends when the node does, not when it begins to stop.
	Ctx context.Context
	// ClockAtStart is the offset of the wall clock to the monotonic one when the node was made.
	ClockAtStart time.Duration
}

// Happened records an event of the node.
func (s *Scope) Happened(e api.Event) { s.Events.Tell(s.Env.Now(), e) }

// Life returns the context of calls that have no caller.
func (s *Scope) Life() context.Context { return s.Ctx }
