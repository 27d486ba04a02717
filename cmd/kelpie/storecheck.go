// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// problemRow is a row of "store check".
type problemRow struct {
	Key     string `json:"key"`
	Actor   string `json:"actor"`
	Problem string `json:"problem"`
}

var problemListing = listing[problemRow]{
	name: func(r *problemRow) string { return r.Key },
	fields: []field[problemRow]{
		{key: "key", meaning: "the key, as a path", header: "KEY", cell: func(r *problemRow) string { return r.Key }},
		{key: "actor", meaning: "whose it is, empty if it is no actor's", header: "ACTOR",
			cell: func(r *problemRow) string { return dash(r.Actor) }},
		{key: "problem", meaning: "what is wrong with it", header: "PROBLEM", cell: func(r *problemRow) string {
			return r.Problem
		}},
	},
}

func (k *kelpie) storeCheck() *cobra.Command {
	var f storeFlags
	return listCommand[problemRow]{
		use:   "check",
		short: "Read all of the store and list what is wrong with it",
		long: `Read all of the cluster's store, decode it, verify its checksums, and compare
what belongs together: the list of what is due with the alarms and messages of
actors, dead letters with their requests, states with claims. What is wrong is
listed, and the exit code is 8; else nothing is, and it is 0. An embedded store
is checked as it is at one moment, while it serves. Without --store, it is the
store of the node at --addr, read by this command itself.`,
		args: host.Args(),
		flags: func(cmd *cobra.Command) {
			f.register(cmd)
			cmd.Example = "  kelpie store check\n  kelpie store check --store pebble:/var/lib/kelpie"
		},
		listing: problemListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]problemRow) error) (err error) {
			store, _, err := s.openStore(ctx, f.url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			return k.check(ctx, store, emit)
		},
	}.command(k)
}

// check lists what is wrong with a store.
func (k *kelpie) check(ctx context.Context, store kv.Store, emit func([]problemRow) error) error {
	p := k.newProgress(0)
	var failed error
	report := func(problem registry.Problem) {
		p.clear()
		failed = cmp.Or(
			failed, emit([]problemRow{{Key: formatKey(problem.Key), Actor: problem.Actor, Problem: problem.What}}))
	}
	// for the looks
	checked, err := backup.Check(ctx, env.Real(), store, report,
		backup.Options{Progress: func(t backup.Trailer) { _ = p.say("checked " + copied(t)) }})
	p.clear()
	if err := cmp.Or(err, failed); err != nil {
		return err
	}
	human.Fprintf(k.Stderr, "checked %s: %s\n", copied(checked.Trailer), counted(checked.Problems, "problem"))
	if checked.Problems > 0 {
		return storeDamaged(checked)
	}
	return nil
}

func storeDamaged(checked backup.Checked) error {
	err := error(api.Errorf(api.CodeCorruptState, "the store has %s", counted(checked.Problems, "problem")))
	if !checked.Snapshot {
		return host.Advise(err, "it was written to meanwhile: check again, or stop the nodes, to see which stay")
	}
	return err
}

// storeStatsRow is a row of "store stats".
type storeStatsRow struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Keys      int64  `json:"keys"`
	Bytes     int64  `json:"bytes"`
}

var storeStatsListing = listing[storeStatsRow]{
	name: func(r *storeStatsRow) string { return r.Kind + "/" + r.Namespace },
	fields: []field[storeStatsRow]{
		{key: "kind", meaning: "kind of keys, as in their paths; empty for keys that are not Kelpie's", header: "KIND",
			cell: func(r *storeStatsRow) string { return dash(r.Kind) }},
		{key: "namespace", meaning: "namespace of the actors, empty if it is about none", header: "NAMESPACE",
			cell: func(r *storeStatsRow) string { return dash(r.Namespace) }},
		{key: "keys", meaning: "number of keys", header: "KEYS", cell: func(r *storeStatsRow) string {
			return strconv.FormatInt(r.Keys, 10)
		}},
		{key: "bytes", meaning: "size of the keys and values, not of what the store needs for them", header: "BYTES",
			cell: func(r *storeStatsRow) string { return human.Bytes(r.Bytes) }},
	},
}

func (k *kelpie) storeStats() *cobra.Command {
	var f storeFlags
	return listCommand[storeStatsRow]{
		use:   "stats",
		short: "Count what is in the store, by kind and namespace",
		long: `Count the keys and bytes of the cluster's store, by kind and namespace. All of
it is read for that, and an embedded store as it is at one moment. Without
--store, it is the store of the node at --addr, read by this command itself.`,
		args: host.Args(),
		flags: func(cmd *cobra.Command) {
			f.register(cmd)
			cmd.Example = "  kelpie store stats\n  kelpie store stats --store pebble:/var/lib/kelpie -o json"
		},
		listing: storeStatsListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]storeStatsRow) error) (err error) {
			store, _, err := s.openStore(ctx, f.url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			p := k.newProgress(0)
			// for the looks
			counts, err := backup.Stats(ctx, env.Real(), store,
				backup.Options{Progress: func(t backup.Trailer) { _ = p.say("read " + copied(t)) }})
			p.clear()
			if err != nil {
				return err
			}
			var rows []storeStatsRow
			for of, n := range counts {
				rows = append(rows, storeStatsRow{Kind: of.Kind, Namespace: of.Namespace, Keys: n.Keys, Bytes: n.Bytes})
			}
			slices.SortFunc(rows, func(a, b storeStatsRow) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace))
			})
			return emit(rows)
		},
	}.command(k)
}
