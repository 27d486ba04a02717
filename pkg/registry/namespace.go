// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Namespace is the settings of a namespace, the same on every node.
type Namespace struct {
	Name        string    `msgpack:"name"`
	Placement   Placement `msgpack:"placement"`
	Consistency string    `msgpack:"consistency"`
	// IdleTimeout is how long an actor without calls stays active.
	IdleTimeout time.Duration `msgpack:"idle_timeout_ns"`
}

// ensureNamespaces writes the settings of namespaces that the cluster does not know yet.
func ensureNamespaces(ctx context.Context, tx kv.Tx, namespaces []Namespace) error {
	for _, ns := range namespaces {
		key := namespaceKey(ns.Name)
		old, err := tx.Get(ctx, key)
		if err != nil {
			return err
		}
		if old == nil {
			tx.Set(key, encodeRecord(&ns))
		}
	}
	return nil
}
