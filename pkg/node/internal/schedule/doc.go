// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package schedule has actors do in time what they have to do by themselves: scanner.go wakes those whose time the
// store knows, timers.go those of this node, outbox.go delivers what they send.
package schedule
