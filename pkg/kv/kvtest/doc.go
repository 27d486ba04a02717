// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package kvtest is the conformance suite of package kv: what every store has to pass, FoundationDB included.
//
// Run opens a new, empty store for every test. It compares the store with
//
//   - what a real FoundationDB answered to 800 scripts of interleaved transactions
//     (testdata/transactions.jsonl.gz);
//   - a simple model, under random interleavings of transactions, which the part Machine shrinks to the few steps
//     that fail;
//   - the limits and edges of kv's contract, one by one.
//
// The part Golden records such scripts, which it makes up from seeds, and replays them. By the flags of a store's
// tests it does one of the two:
//
//	-kvtest.record DIR    write DIR/transactions.jsonl.gz, in the format of testdata/README.md
//	-kvtest.replay DIR    compare the store with the recording in DIR
//	-kvtest.seeds 1-800   the seeds of the scripts that are recorded
//
// TestCompare of this package compares two recordings: -kvtest.compare DIR,DIR. Differences are named by seed and
// step.
//
// The package reaches time, tasks and randomness through env, so that the suite also runs under a simulated Env. All
// random numbers are drawn from fixed seeds, which failures name. Those of Machine are package rapid's, whose flags
// look for more: -rapid.checks 100000 -rapid.seed 7.
package kvtest
