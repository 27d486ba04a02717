// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package tui is the live view of a cluster: `kelpie top`.
//
// Run shows it in a terminal, and Snapshot writes it once as plain text. Both see the cluster through a Source, which
// is asked for one answer a refresh, however many things are shown.
//
// Model is the view as Bubble Tea knows it: Update takes keys and answers, and View makes the screen of nothing but
// what has come that way, so that a test sees what a person does. Each pane (panes.go) turns the answer into rows;
// everything that is done with rows (tables, sorting, filters, the selection) is done once for all of them.
//
// Text of the cluster's is shown without its control characters. Nothing is told by colour alone.
package tui
