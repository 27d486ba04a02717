// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package cold compares first calls of actors, which activate them, with transactions on the same kind of store that
// read and write as much as a claim does: four keys and a short range are read, two keys are written.
//
// BenchmarkCold has 64 callers, and every call is to an actor that has never been called. A reading call that may be
// stale is an activation and no more; at least 0.7 of the plain transactions are aimed at. A linearizable one asks
// the store once more, and a writing one commits once more.
package cold
