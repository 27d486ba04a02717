// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package campaign runs many seeds of the simulator side by side, and reports them in order.
//
// Each run stays on one goroutine and shares nothing with the others, so what comes of a seed does not depend on how
// many run at once. It is in the real world only: it starts goroutines and reads the clock, as package sim must not.
package campaign
