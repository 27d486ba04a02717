// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// CallOptions are the choices about one call from outside of the cluster. The zero value is the default.
type CallOptions struct {
	// IdempotencyKey names the call, so that another call under the same key counts as this one; "" for none.
	IdempotencyKey string
	// Stale has a reading method answered from memory, without proof that the answer is current.
	Stale bool
	// Timeout bounds the call, beside its context; 0 does not.
	Timeout time.Duration
}

// CallOption makes one of the choices. Package client has them.
type CallOption func(*CallOptions)
