// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/internal/statekeys"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Durability says where the actors of a namespace are kept: DurabilityUnknown, Durable or Volatile.
type Durability string

const (
	// DurabilityUnknown is what records of earlier versions say.
	DurabilityUnknown Durability = ""
	// Durable actors are in the store.
	Durable Durability = "durable"
	// Volatile actors are in memory alone.
	Volatile Durability = "volatile"
)

// leftoversMax and leftoverBytesMax bound how much of what deleted actors have left is read to tell whether there is
// anything else in a namespace. It is read in one transaction, which FoundationDB gives 5 seconds.
const (
	leftoversMax     = 20_000
	leftoverBytesMax = 32 << 20
)

// ensureNamespaces writes the settings of namespaces that the cluster does not know yet, and what becomes known of
// their durability. Errors are CodeFailedPrecondition if a kind is declared otherwise than its actors are kept.
func ensureNamespaces(ctx context.Context, tx kv.Tx, node string, namespaces []Namespace) error {
	for _, ns := range namespaces {
		key := namespaceKey(ns.Name)
		value, err := tx.Get(ctx, key)
		if err != nil {
			return err
		}
		stored := ns
		stored.Durability = DurabilityUnknown
		if value != nil {
			stored = Namespace{}
			if decodeRecord(key, value, &stored) != nil {
				continue // it costs the namespace its settings, not the cluster its nodes
			}
		}
		if ns.Durability != stored.Durability && ns.Durability != DurabilityUnknown {
			if stored.Durability, err = turned(ctx, tx, node, stored.Durability, &ns); err != nil {
				return err
			}
		} else if value != nil {
			continue
		}
		tx.Set(key, encodeRecord(&stored))
	}
	return nil
}

// turned returns what is known of a namespace's durability once a node has joined whose kind declares it as ns says;
// was is what was known before. The transaction conflicts with others that join, and with what actors of the
// namespace store.
func turned(ctx context.Context, tx kv.Tx, node string, was Durability, ns *Namespace) (Durability, error) {
	if ns.Durability == Volatile || was == Volatile {
		if err := refuseStored(ctx, tx, was, ns); err != nil {
			return "", err
		}
	}
	nodes, err := scanRecords(ctx, tx, kindNode, corruptNode)
	if err != nil {
		return "", err
	}
	known := ns.Durability
	for _, n := range nodes {
		i := slices.Index(n.Namespaces, ns.Name)
		if i < 0 || n.ID == node || !n.Member() {
			continue
		}
		kept := was
		if i < len(n.Durability) {
			kept = n.Durability[i]
		}
		if kept == DurabilityUnknown {
			known = DurabilityUnknown // until the last node of an earlier version is gone
		} else if kept != ns.Durability {
			return "", api.Errorf(api.CodeFailedPrecondition, "the kind of namespace %q is declared %s, but node %s "+
				"hosts it as %s: declare it %s again, or stop all nodes that host it as %s first", ns.Name,
				ns.Durability, n.ID, kept, kept, kept)
		}
	}
	return known, nil
}

// refuseStored returns an error if the store has anything of a namespace that is to become volatile, or no longer to
// be that.
func refuseStored(ctx context.Context, tx kv.Tx, was Durability, ns *Namespace) error {
	actor, err := somethingStored(ctx, tx, ns.Name)
	switch {
	case errors.Is(err, errLeftovers):
		return api.Errorf(api.CodeFailedPrecondition, "the kind of namespace %q is declared %s, but was not before, "+
			"and the store has too many records of its deleted actors' calls to tell whether it has more of them: "+
			"declare the kind as before, or give it another namespace", ns.Name, ns.Durability)
	case err != nil || actor == (api.ActorID{}):
		return err
	case was == Volatile:
		return api.Errorf(api.CodeFailedPrecondition, "the kind of namespace %q is declared durable, but was "+
			"volatile, and the store has data from before that, such as of actor %s: declare the kind Volatile "+
			"again, or give it another namespace", ns.Name, actor)
	}
	return api.Errorf(api.CodeFailedPrecondition, "the kind of namespace %q is declared Volatile, but the store has "+
		"data of its durable actors, such as %s: to keep the data, remove Volatile; to delete it, start a node "+
		"without Volatile and run 'kelpie actors rm' for each actor that 'kelpie actors ls --all --namespace %s' lists",
		ns.Name, actor, ns.Name)
}

// errLeftovers says that the store has too much that deleted actors have left to tell whether it has anything else.
var errLeftovers = errors.New("deleted actors have left too much")

// somethingStored returns an actor of a namespace of which the store has more than what deleted actors leave; the
// zero value if there is none.
func somethingStored(ctx context.Context, r kv.Reader, namespace string) (api.ActorID, error) {
	begin, end := kindRange(kindDead, namespace)
	dead, _, err := r.Range(ctx, begin, end, kv.RangeOptions{Limit: 1})
	if err != nil {
		return api.ActorID{}, err
	}
	if len(dead) > 0 {
		id, _ := actorPart(dead[0].Key)
		return api.ActorID{Namespace: namespace, ID: id}, nil
	}
	var found api.ActorID
	keys, bytes := 0, 0
	begin, end = kindRange(kindState, namespace)
	err = kv.Scan(ctx, r, begin, end, kv.RangeOptions{BytesMax: statePageBytes}, func(p kv.KeyValue) error {
		id, part := actorPart(p.Key)
		if !statekeys.Leftover(part) {
			found = api.ActorID{Namespace: namespace, ID: id}
			return errFound
		}
		keys, bytes = keys+1, bytes+len(p.Key)+len(p.Value)
		if keys > leftoversMax || bytes > leftoverBytesMax {
			return errLeftovers
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

var errFound = errors.New("found")

// actorPart returns the id of the actor that a key below the actor's name belongs to, and what follows that, if it is
// text.
func actorPart(key []byte) (id, part string) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) < 5 {
		return "", "" // 'store check' tells of it
	}
	id, _ = t[3].(string)
	part, _ = t[4].(string)
	return id, part
}
