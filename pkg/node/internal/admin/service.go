// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/migration"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Admin serves what operators ask.
type Service struct {
	Deps

	stats    shared[api.NodeStats]
	overview shared[api.ClusterStats]
}

// Deps are what an admin is made of.
type Deps struct {
	telemetry.Scope
	Kinds     map[string]*kind.Spec
	Store     kv.Store
	Registry  *registry.Registry
	Mailboxes *mailbox.Table
	Router    *router.Router
	Members   *membership.Manager
	Contact   *membership.Contact
	Loads     *membership.Loads
	Meter     *telemetry.Meter
	Pool      *rpc.Pool
	Migrator  *migration.Migrator
	Peers     *membership.Peers
	// SetAside is as of schedule.Scanner.
	SetAside func() map[string]int64
	// ClusterInfo describes the cluster and the node.
	ClusterInfo func(context.Context, *api.Empty) (*api.ClusterInfo, error)
}

// New returns a service. It starts no tasks.
func New(d Deps) *Service { return &Service{Deps: d} }
