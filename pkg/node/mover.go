// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// mover moves actors from and to the node.
type mover struct {
	moverDeps
	ids *env.Rand

	moves moves
	jobs  jobs
}

// moverDeps are what a mover is made of.
type moverDeps struct {
	scope
	kinds      map[string]*actor.Spec
	registry   *registry.Registry
	dispatcher *dispatcher
	router     *router
	keeper     *keeper
	loads      *loads
	pool       *rpc.Pool
	host       *host
	waker      *waker
	peers      *peers
}

func newMover(d moverDeps) *mover { return &mover{moverDeps: d, ids: d.env.Rand("moves")} }
