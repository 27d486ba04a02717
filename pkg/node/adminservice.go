// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// admin serves what operators ask.
type admin struct {
	adminDeps

	stats    shared[api.NodeStats]
	overview shared[api.ClusterStats]
}

// adminDeps are what an admin is made of.
type adminDeps struct {
	scope
	store      kv.Store
	registry   *registry.Registry
	dispatcher *dispatcher
	router     *router
	keeper     *keeper
	meter      *meter
	pool       *rpc.Pool
	mover      *mover
	peers      *peers
	// clusterInfo describes the cluster and the node.
	clusterInfo func(context.Context, *api.Empty) (*api.ClusterInfo, error)
}

func newAdmin(d adminDeps) *admin { return &admin{adminDeps: d} }
