// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"cmp"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Settings returns a namespace's settings: the cluster's, or the defaults for one that is not known yet.
func (k *Manager) Settings(ns string) registry.Namespace {
	if s, ok := k.Members().Namespace(ns); ok {
		return s
	}
	if kind := k.Kinds[ns]; kind != nil {
		return DefaultSettings(kind)
	}
	return registry.Namespace{Name: ns, Placement: registry.PlaceLeastLoaded, IdleTimeout: DefaultIdleTimeout}
}

// DefaultIdleTimeout is how long an actor without calls stays active.
const DefaultIdleTimeout = 10 * time.Minute

// DefaultSettings are those that a namespace begins with.
func DefaultSettings(s *kind.Spec) registry.Namespace {
	return registry.Namespace{
		Name: s.Namespace, Durability: Durability(s),
		Placement:   cmp.Or(registry.Placement(s.Placement), registry.PlaceLeastLoaded),
		Consistency: string(s.Consistency), IdleTimeout: cmp.Or(s.IdleTimeout, DefaultIdleTimeout),
	}
}

// Durability returns where a kind's actors are kept.
func Durability(s *kind.Spec) registry.Durability {
	if s.Volatile {
		return registry.Volatile
	}
	return registry.Durable
}

// ValidateSettings checks what a kind says of the settings that its namespace begins with.
func ValidateSettings(s *kind.Spec) error {
	settings := DefaultSettings(s)
	if err := settings.Validate(); err != nil {
		return api.Errorf(api.CodeInvalidArgument, "the kind of namespace %q: %s", s.Namespace,
			api.ErrorFrom(err).Message)
	}
	return nil
}
