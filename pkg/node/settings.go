// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// settings returns a namespace's settings: the cluster's, or the defaults for one that is not known yet.
func (k *keeper) settings(ns string) registry.Namespace {
	if s, ok := k.members().Namespace(ns); ok {
		return s
	}
	if kind := k.kinds[ns]; kind != nil {
		return defaultSettings(kind)
	}
	return registry.Namespace{Name: ns, Placement: registry.PlaceLeastLoaded, IdleTimeout: DefaultIdleTimeout}
}

// DefaultIdleTimeout is how long an actor without calls stays active.
const DefaultIdleTimeout = 10 * time.Minute

// defaultSettings are those that a namespace begins with.
func defaultSettings(s *actor.Spec) registry.Namespace {
	return registry.Namespace{
		Name: s.Namespace, Placement: cmp.Or(registry.Placement(s.Placement), registry.PlaceLeastLoaded),
		Consistency: string(s.Consistency), IdleTimeout: cmp.Or(s.IdleTimeout, DefaultIdleTimeout),
	}
}

// validateSettings checks what a kind says of the settings that its namespace begins with.
func validateSettings(s *actor.Spec) error {
	settings := defaultSettings(s)
	if err := settings.Validate(); err != nil {
		return api.Errorf(api.CodeInvalidArgument, "the kind of namespace %q: %s", s.Namespace,
			api.ErrorFrom(err).Message)
	}
	return nil
}
