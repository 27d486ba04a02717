// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package call is a call on its way through a node: what it asks, how it may end, and how many there may be at once.
// Everything else in the node stands above it.
package call
