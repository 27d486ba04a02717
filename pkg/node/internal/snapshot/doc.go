// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshot is what an actor has in memory, as it moves from node to node.
package snapshot
