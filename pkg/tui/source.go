// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Source is where the view learns of the cluster, and acts on it. Its methods block until ctx ends; they may be
// called at the same time.
type Source interface {
	// Stats asks one node how all are doing.
	Stats(ctx context.Context) (*api.ClusterStats, error)
	// Find returns actors whose names begin with a text, NAMESPACE or NAMESPACE/ID, at most limit of them, in order.
	Find(ctx context.Context, prefix string, limit int) ([]api.ActorRow, error)
	// Do does something, and says in a line what has been done.
	Do(ctx context.Context, a Action) (string, error)
	// Via names the node that has answered last.
	Via() string
}

// Verb is what an Action does.
type Verb string

// What can be done from the view.
const (
	Migrate    Verb = "migrate"
	Evict      Verb = "evict"
	Drain      Verb = "drain"
	Undrain    Verb = "undrain"
	BreakLease Verb = "break"
)

// Action is something to be done to an actor or a node.
type Action struct {
	Verb Verb
	// Actor is set for Migrate and Evict, Node for the others.
	Actor, Node string
	// To is where an actor is to move; "" is wherever placement puts it.
	To string
}
