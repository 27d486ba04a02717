// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package client is what a caller of actors imports.
//
// A Client knows a few addresses of a cluster. It sends each call to where the actor was last found, else to any
// of the addresses, whose node passes the call on; it remembers what it learns. It tries again, within the
// deadline, what is safe to try again: calls that have certainly not run, and, where the answer was
// lost, those that change nothing (ReadOnly) or carry an idempotency key (WithIdempotencyKey). Any other
// call whose answer was lost fails with api.CodeUnknown: it may have run.
//
// The addresses take turns. Where actors were found is remembered for the 10,000 used last.
//
// A Client is safe for concurrent use.
package client
