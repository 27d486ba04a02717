// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package host runs the mailboxes of a node: it claims an actor when a call waits for it (acquire.go), runs its calls
// (tasks.go), and gives the claim back when nothing calls it (idle.go, release.go). crash.go leaves an actor alone
// whose activation has failed, watchdog.go gives up a handler that does not return.
package host
