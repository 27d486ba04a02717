// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Namespace is the settings of a namespace, the same on every node.
type Namespace struct {
	Name        string    `msgpack:"name"`
	Placement   Placement `msgpack:"placement"`
	Consistency string    `msgpack:"consistency"`
	// IdleTimeout is how long an actor without calls stays active.
	IdleTimeout time.Duration `msgpack:"idle_timeout_ns"`
	// Prefer is which nodes PlaceAffinity prefers (see api.ValidatePreference), "" with any other strategy.
	Prefer string `msgpack:"prefer,omitempty"`
	// Fallback chooses where PlaceAffinity and PlaceLocalFirst find no room, "" with any other strategy.
	Fallback Placement `msgpack:"fallback,omitempty"`
	// Durability is that of all kinds that were declared for the namespace since it is known.
	Durability Durability `msgpack:"durability,omitempty"`
}

// Validate checks how actors are placed. Errors are CodeInvalidArgument.
func (ns *Namespace) Validate() error {
	if _, err := ParsePlacement(string(ns.Placement)); err != nil {
		return err
	}
	if err := ns.validatePrefer(); err != nil {
		return err
	}
	return ns.validateFallback()
}

func (ns *Namespace) validatePrefer() error {
	switch {
	case ns.Placement == PlaceAffinity && ns.Prefer == "":
		return api.Errorf(api.CodeInvalidArgument, "placement affinity needs to know what to prefer: pass --prefer "+
			"node=NAME, zone=NAME or, for a label, KEY=VALUE")
	case ns.Placement == PlaceAffinity:
		return api.ValidatePreference(ns.Prefer)
	case ns.Prefer != "":
		return api.Errorf(api.CodeInvalidArgument, "placement %s takes no preference: leave out --prefer, or "+
			"choose --placement affinity", ns.Placement)
	}
	return nil
}

func (ns *Namespace) validateFallback() error {
	if ns.Fallback == "" {
		return nil
	}
	if !ns.Placement.usesFallback() {
		return api.Errorf(api.CodeInvalidArgument, "placement %s takes no fallback: leave out --fallback, or "+
			"choose --placement affinity or local-first", ns.Placement)
	}
	fallbacks := slices.DeleteFunc(Placements(), Placement.usesFallback)
	if !slices.Contains(fallbacks, ns.Fallback) {
		return api.Errorf(api.CodeInvalidArgument, "fallback %q: must be one of %s", ns.Fallback, nameList(fallbacks))
	}
	return nil
}

// NamespacePatch is what to change of a namespace's settings; nil fields stay as they are.
type NamespacePatch struct {
	Placement   *Placement
	Prefer      *string
	Fallback    *Placement
	IdleTimeout *time.Duration
	// Consistency is one of Consistencies.
	Consistency *string
}

// Consistencies returns how reads of a namespace can be answered.
func Consistencies() []string { return []string{"linearizable", "stale"} }

// Apply returns the settings with the changes made. What a new strategy has no use for goes, unless the patch
// itself asks for it. Errors are CodeInvalidArgument.
func (p *NamespacePatch) Apply(ns Namespace) (Namespace, error) {
	if p.Placement != nil {
		ns.Placement = *p.Placement
		if ns.Placement != PlaceAffinity {
			ns.Prefer = ""
		}
		if !ns.Placement.usesFallback() {
			ns.Fallback = ""
		}
	}
	if p.Prefer != nil {
		ns.Prefer = *p.Prefer
	}
	if p.Fallback != nil {
		ns.Fallback = *p.Fallback
	}
	if p.IdleTimeout != nil {
		ns.IdleTimeout = *p.IdleTimeout
		if ns.IdleTimeout < idleTimeoutMin {
			return ns, api.Errorf(api.CodeInvalidArgument, "--idle-timeout %v: must be at least %v", ns.IdleTimeout,
				idleTimeoutMin)
		}
	}
	if p.Consistency != nil {
		ns.Consistency = *p.Consistency
		if known := Consistencies(); !slices.Contains(known, ns.Consistency) {
			return ns, api.Errorf(api.CodeInvalidArgument, "--consistency %q: must be %s", ns.Consistency,
				strings.Join(known, " or "))
		}
	}
	err := ns.Validate()
	if ns.Placement.usesFallback() {
		ns.Fallback = cmp.Or(ns.Fallback, PlaceLeastLoaded)
	}
	return ns, err
}

// SetNamespace changes the settings of a namespace, in one transaction, and returns what they were and are. Members
// take them up with their views: within a heartbeat. With dry, it only says what it would do. It blocks until ctx
// ends. Errors are CodeNotFound for a namespace that the cluster does not know, and as NamespacePatch.Apply's.
func (r *Registry) SetNamespace(ctx context.Context, name string, patch NamespacePatch, dry bool) (
	before, after Namespace, err error) {
	type change struct{ before, after Namespace }
	var tried change
	done, err := transact(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (c change, err error) {
		if err := read(ctx, tx, namespaceKey(name), &c.before); err != nil {
			return c, err
		}
		if c.before.Name == "" {
			return c, api.Errorf(api.CodeNotFound, "no namespace is named %q: the cluster knows a namespace once "+
				"a node that hosts it has joined; see 'kelpie namespaces ls'", name)
		}
		if c.before == tried.after { // an earlier attempt, of unknown outcome, has happened
			return tried, nil
		}
		if c.after, err = patch.Apply(c.before); err != nil || dry || c.after == c.before {
			return c, err
		}
		tried = c
		tx.Set(namespaceKey(name), encodeRecord(&c.after))
		raiseMembership(tx) // every node then rereads the settings
		return c, nil
	})
	return done.before, done.after, err
}
