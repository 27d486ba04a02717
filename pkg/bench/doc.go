// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench puts load on actors and measures how they answer.
//
// A run has a number of callers. Each makes one call at a time, of an actor drawn evenly from a fixed number of them,
// by a method drawn by its share of the mix. Without a rate the loop is closed: a caller calls again as soon as it
// has its answer, so that a slow target is asked less. With a rate the loop is open: calls are due at even intervals,
// whatever the target does, and the latency of a call is counted from when it was due. A target that stalls is
// thereby charged for all the calls that it held up, not for the one that it answered late.
//
// Latencies are kept in HDR histograms, to three digits, from 100 ns to LatencyMax, and are those of calls that were
// answered. Calls that failed are counted by the code of their error.
//
// The package runs in the real world only, on goroutines and the system's clock. A Config may be used for several
// runs, one after the other or at once; what it calls must be safe for concurrent use.
package bench
