// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package kvtest is the conformance suite of package kv: what every store has to
// pass, FoundationDB included.
//
// Run opens a new, empty store for every test. It compares the store with
//
//   - what a real FoundationDB answered to 800 scripts of interleaved transactions (testdata/transactions.jsonl.gz);
//   - a simple model, under random interleavings of transactions;
//   - the limits and edges of kv's contract, one by one.
//
// The package reaches time, tasks and randomness through env, so that the suite also runs
// under a simulated Env. All random numbers are drawn from fixed seeds, which failures name.
package kvtest
