// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// What a namespace's actors are.
const (
	// Durable actors are in the store.
	Durable = "durable"
	// Volatile actors are in memory alone.
	Volatile = "volatile"
)

// leftoversMax is how many keys are read to tell whether there is more in a namespace than deleted actors leave.
const leftoversMax = 1000

// ensureNamespaces writes the settings of namespaces that the cluster does not know yet. Errors are CodeMismatch if
// the store has actors of a namespace that are not what its kind now declares.
func ensureNamespaces(ctx context.Context, tx kv.Tx, node string, namespaces []Namespace) error {
	for _, ns := range namespaces {
		key := namespaceKey(ns.Name)
		old, err := tx.Get(ctx, key)
		if err != nil {
			return err
		}
		stored := Namespace{}
		if old == nil {
			stored = ns
			stored.Durability = ""
		}
		if decodeRecord(key, old, &stored) != nil {
			continue // it costs the namespace its settings, not the cluster its nodes
		}
		if old != nil && (stored.Durability == ns.Durability || ns.Durability == "") {
			continue
		}
		if err := checkDurability(ctx, tx, node, stored.Durability, &ns); err != nil {
			return err
		}
		stored.Durability = ns.Durability
		tx.Set(key, encodeRecord(&stored))
	}
	return nil
}

// checkDurability checks that a namespace can become what its kind declares: was is what it is, "" if that is not
// known. Then only a durable namespace can have something in the store.
func checkDurability(ctx context.Context, tx kv.Tx, node, was string, ns *Namespace) error {
	changes := was != "" && was != ns.Durability
	if !changes && ns.Durability != Volatile {
		return nil
	}
	if !changes {
		was = Durable
	}
	actor, err := somethingStored(ctx, tx, ns.Name)
	if err != nil {
		return err
	}
	if actor != (api.ActorID{}) {
		return api.Errorf(api.CodeMismatch, "the kind of namespace %q is declared %s, but the store has state, alarms, "+
			"messages or dead letters of its %s actors, such as %s: declare the kind %s as before, or have a node host "+
			"it so and remove its actors, each with 'kelpie actors rm ACTOR'", ns.Name, ns.Durability, was, actor, was)
	}
	if !changes {
		return nil
	}
	nodes, err := scanRecords(ctx, tx, kindNode, corruptNode)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.ID != node && n.Member() && slices.Contains(n.Namespaces, ns.Name) {
			return api.Errorf(api.CodeMismatch, "the kind of namespace %q is declared %s, but node %s hosts it as %s: "+
				"declare the kind as before, or stop that node first", ns.Name, ns.Durability, n.ID, was)
		}
	}
	return nil
}

// somethingStored returns an actor of a namespace of which the store has more than the answers and marks that deleted
// actors leave; the zero value if there is none. What can't be told with one read of each kind counts as something.
func somethingStored(ctx context.Context, tx kv.Tx, namespace string) (api.ActorID, error) {
	begin, end := kindRange(kindDead, namespace)
	dead, _, err := tx.Range(ctx, begin, end, kv.RangeOptions{Limit: 1})
	if err != nil {
		return api.ActorID{}, err
	}
	begin, end = kindRange(kindState, namespace)
	pairs, more, err := tx.Range(ctx, begin, end, kv.RangeOptions{Limit: leftoversMax})
	if err != nil {
		return api.ActorID{}, err
	}
	for i, p := range append(dead, pairs...) {
		t, err := tuple.Unpack(p.Key)
		if err != nil || len(t) < 5 {
			continue // store check tells of it
		}
		id, _ := t[3].(string)
		first, _ := t[4].(string)
		last := more && i == len(dead)+len(pairs)-1
		if i < len(dead) || last || !statekeys.Leftover(first) {
			return api.ActorID{Namespace: namespace, ID: id}, nil
		}
	}
	return api.ActorID{}, nil
}
