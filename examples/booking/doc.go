// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command booking is a node that books trips: seats on a flight and beds in a hotel, both or neither. It teaches a
// saga of messages (sends): each step is delivered once after the commit of the step before, and a step that is
// refused has what came before undone.
package main
