// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// problemRow is a row of "store check".
type problemRow struct {
	Key     string `json:"key"`
	Actor   string `json:"actor"`
	Problem string `json:"problem"`
	Repair  string `json:"repair"`
}

var problemListing = listing[problemRow]{
	name: func(r *problemRow) string { return r.Key },
	fields: []field[problemRow]{
		{key: "key", meaning: "the key, as a path", header: "KEY", cell: func(r *problemRow) string { return r.Key }},
		{key: "actor", meaning: "the actor it belongs to, empty if none", header: "ACTOR",
			cell: func(r *problemRow) string { return dash(r.Actor) }},
		{key: "problem", meaning: "what is wrong with it", header: "PROBLEM", cell: func(r *problemRow) string {
			return r.Problem
		}},
		{key: "repair", meaning: "what --repair does about it, empty if it can't do anything", header: "REPAIR",
			wide: true, cell: func(r *problemRow) string { return dash(r.Repair) }},
	},
}

func (k *kelpie) storeCheck() *cobra.Command {
	var f storeFlags
	var repair, yes bool
	return listCommand[problemRow]{
		use:   "check",
		short: "Read all of the store and list what is wrong with it",
		long: `Read all of the cluster's store, decode it, verify its checksums, and compare
what belongs together: the list of what is due with the alarms and messages of
actors, dead letters with their requests, states with claims. What is wrong is
listed, and the exit code is 8; else nothing is, and it is 0. An embedded store
is checked as it is at one moment, while it serves. Without --store, it is the
store of the node at --addr, read by this command itself. Keys that can't be
read are listed, and the check goes on behind them.

With --repair, what can be made again from what is authoritative is: entries of
the list of what is due, and counters. All nodes must have stopped. The problems
and what is done about each are listed first, then it asks; the store is checked
again at the end. Make a backup before.`,
		args: cli.Args(),
		flags: func(cmd *cobra.Command) {
			f.register(cmd)
			cmd.Flags().BoolVar(&repair, "repair", false, "make indexes and counters again, after asking")
			registerYes(cmd, &yes)
			cmd.Example = "  kelpie store check\n  kelpie store check --store pebble:/var/lib/kelpie\n  kelpie store " +
				"check --store pebble:/var/lib/kelpie --repair -o wide"
		},
		listing: problemListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]problemRow) error) (err error) {
			open := s.openStoreToRead
			if repair {
				open = s.openStore
			}
			store, _, err := open(ctx, f.url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			if repair {
				return k.repair(ctx, store, yes, emit)
			}
			_, err = k.check(ctx, store, emit)
			return err
		},
	}.command(k)
}

// repair lists what is wrong with a store, mends what can be mended, and checks again.
func (k *kelpie) repair(ctx context.Context, store kv.Store, yes bool, emit func([]problemRow) error) error {
	e := env.Real()
	r := registry.New(e, store)
	living, err := r.Living(ctx, func(m registry.Meta) error { return env.Sleep(e, ctx, 2*m.Heartbeat+time.Second) })
	if err != nil {
		return err
	}
	if living != "" {
		return api.Errorf(api.CodeFailedPrecondition, "node %s is alive in the store: stop all nodes first", living)
	}
	repairs, damaged := k.check(ctx, store, emit)
	if damaged == nil || len(repairs) == 0 {
		return damaged
	}
	if api.CodeOf(damaged) != api.CodeCorruptState {
		return damaged
	}
	does := make(map[string]int)
	for _, p := range repairs {
		does[p.What]++
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(does)) {
		parts = append(parts, fmt.Sprintf("%s (%s)", what, human.Counted(does[what], "time")))
	}
	if err := k.confirm(yes, fmt.Sprintf("Repair %s of these: %s?", human.Counted(len(repairs), "problem"),
		strings.Join(parts, ", "))); err != nil {
		return err
	}
	if err := r.Repair(ctx, repairs); err != nil {
		return err
	}
	human.Fprintf(k.Stderr, "repaired %s; checking again\n", human.Counted(len(repairs), "problem"))
	_, err = k.check(ctx, store, func([]problemRow) error { return nil })
	return err
}

// check lists what is wrong with a store, and returns what can be done about it.
func (k *kelpie) check(ctx context.Context, store kv.Store, emit func([]problemRow) error) ([]registry.Repair, error) {
	p := k.newProgress(0)
	var failed error
	var repairs []registry.Repair
	report := func(problem registry.Problem) {
		p.clear()
		row := problemRow{Key: formatKey(problem.Key), Actor: problem.Actor, Problem: problem.What}
		if problem.Repair != nil {
			row.Repair = problem.Repair.What
			repairs = append(repairs, *problem.Repair)
		}
		failed = cmp.Or(failed, emit([]problemRow{row}))
	}
	// for the looks
	checked, err := backup.Check(ctx, env.Real(), store, report,
		backup.Options{Progress: func(t backup.Trailer) { _ = p.say("checked " + copied(t)) }})
	p.clear()
	if err := cmp.Or(err, failed); err != nil {
		return repairs, err
	}
	human.Fprintf(k.Stderr, "checked %s: %s\n", copied(checked.Trailer), human.Counted(checked.Problems, "problem"))
	if checked.Problems > 0 {
		return repairs, storeDamaged(checked)
	}
	return nil, nil
}

func storeDamaged(checked backup.Checked) error {
	err := error(api.Errorf(api.CodeCorruptState, "the store has %s", human.Counted(checked.Problems, "problem")))
	if !checked.Snapshot {
		return cli.Advise(err, "the store was written to meanwhile: check again, or stop the nodes, to see "+
			"which problems remain")
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
		{key: "namespace", meaning: "namespace of the actors, empty if the keys belong to none", header: "NAMESPACE",
			cell: func(r *storeStatsRow) string { return dash(r.Namespace) }},
		{key: "keys", meaning: "number of keys", header: "KEYS", cell: func(r *storeStatsRow) string {
			return strconv.FormatInt(r.Keys, 10)
		}},
		{key: "bytes", meaning: "size of the keys and values, without the store's overhead", header: "BYTES",
			cell: func(r *storeStatsRow) string { return human.Bytes(r.Bytes) }},
	},
}

func (k *kelpie) storeStats() *cobra.Command {
	var f storeFlags
	return listCommand[storeStatsRow]{
		use:   "stats",
		short: "Count keys and bytes, by kind and namespace",
		long: `Count the keys and bytes of the cluster's store, by kind and namespace. The
command reads the whole store, and an embedded store at a single moment. Without
--store, it reads the store of the node at --addr, directly.`,
		args: cli.Args(),
		flags: func(cmd *cobra.Command) {
			f.register(cmd)
			cmd.Example = "  kelpie store stats\n  kelpie store stats --store pebble:/var/lib/kelpie -o json"
		},
		listing: storeStatsListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]storeStatsRow) error) (err error) {
			store, _, err := s.openStoreToRead(ctx, f.url)
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
