// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package mailbox holds the calls that wait for their actors. One task at a time runs a mailbox, so nothing of one
// actor ever happens twice at once.
package mailbox
