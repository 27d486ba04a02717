// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"context"
	"time"
)

// PinTime is how long a pinned version stays readable after it was last pinned.
const PinTime = time.Minute

// Pinner is a store that can keep a version readable beyond the usual few seconds, so that much can be read as it was
// at one moment. FoundationDB can't.
type Pinner interface {
	// Pin keeps a version readable for PinTime, or longer if it is pinned again by then; 0 pins a new one. It returns
	// the version, which a transaction reads at by SetReadVersion. It fails with ErrTooOld if the version can't be
	// read any more, and with ErrUnavailable if too many are pinned. What is written meanwhile takes its space twice.
	Pin(ctx context.Context, v Version) (Version, error)
	// Unpin gives a version up. One that is not pinned does no harm.
	Unpin(ctx context.Context, v Version) error
}
