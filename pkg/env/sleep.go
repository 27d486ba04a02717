// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"time"
)

// Sleep blocks the calling task until d has passed on e's monotonic clock, and
// returns nil, or until ctx ends, and returns the cause of that. With d <= 0 it
// does not block.
func Sleep(e Env, ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return endOf(ctx)
	}
	p := e.NewParker()
	t := e.AfterFunc(d, p.Unpark)
	defer t.Stop()
	return p.Park(ctx)
}

// endOf returns the cause of ctx's end, or nil while it goes on.
func endOf(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
