// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package durable compares durable calls of actors with plain transactions on the same engine: what ownership
// and exactly one activation cost, beyond writing to disk.
package durable
