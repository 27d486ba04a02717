// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"

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
type Admin struct {
	AdminDeps

	stats    shared[api.NodeStats]
	overview shared[api.ClusterStats]
}

// AdminDeps are what an admin is made of.
type AdminDeps struct {
	telemetry.Scope
	Store      kv.Store
	Registry   *registry.Registry
	Dispatcher *mailbox.Dispatcher
	Router     *router.Router
	Keeper     *membership.Keeper
	Meter      *telemetry.Meter
	Pool       *rpc.Pool
	Mover      *migration.Mover
	Peers      *membership.Peers
	// ClusterInfo describes the cluster and the node.
	ClusterInfo func(context.Context, *api.Empty) (*api.ClusterInfo, error)
}

func NewAdmin(d AdminDeps) *Admin { return &Admin{AdminDeps: d} }
