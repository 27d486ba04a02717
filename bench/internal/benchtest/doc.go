// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package benchtest is what the comparisons share: sides that are measured in turns, so that what else the machine
// does meets all of them alike, and the stores and nodes that they stand on.
package benchtest
