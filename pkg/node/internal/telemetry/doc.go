// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package telemetry is what a node remembers of what has happened, and measures.
package telemetry
