// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package migration moves actors between nodes: move.go is the source, receive.go the target, job.go moves many.
package migration
