// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package state is what an activation has of its actor: the state struct, the key-value state, the schedule with its
// alarms and messages, and how far it is with the messages of others. Each stages what a batch changes, and tells what
// is to be written.
package state
