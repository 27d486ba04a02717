// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"github.com/kelpiehq/kelpie/internal/kind"
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
type Migrator struct {
	Deps
	ids *env.Rand

	Moves moves
	jobs  jobs
}

// Deps are what a migrator is made of.
type Deps struct {
	telemetry.Scope
	Kinds     map[string]*kind.Spec
	Registry  *registry.Registry
	Mailboxes *mailbox.Table
	Router    *router.Router
	Members   *membership.Manager
	Loads     *membership.Loads
	Pool      *rpc.Pool
	Host      *host.Host
	Waker     *schedule.Waker
	Peers     *membership.Peers
}

// New returns a migrator with nothing to move.
func New(d Deps) *Migrator { return &Migrator{Deps: d, ids: d.Env.Rand("moves")} }
