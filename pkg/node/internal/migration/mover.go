// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/host"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Mover moves actors from and to the node.
type Mover struct {
	MoverDeps
	ids *env.Rand

	Moves moves
	Jobs  jobs
}

// MoverDeps are what a mover is made of.
type MoverDeps struct {
	telemetry.Scope
	Kinds      map[string]*actor.Spec
	Registry   *registry.Registry
	Dispatcher *mailbox.Dispatcher
	Router     *router.Router
	Keeper     *membership.Keeper
	Loads      *membership.Loads
	Pool       *rpc.Pool
	Host       *host.Host
	Waker      *schedule.Waker
	Peers      *membership.Peers
}

func NewMover(d MoverDeps) *Mover { return &Mover{MoverDeps: d, ids: d.Env.Rand("moves")} }
