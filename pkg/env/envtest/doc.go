// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package envtest runs tests of simulated packages in both worlds: with
// goroutines and the system's clocks, and under the seeded scheduler of package coro.
package envtest
