// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package admin serves what operators ask a node.
package admin
