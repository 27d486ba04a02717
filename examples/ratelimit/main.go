// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	// burst is how many requests a client may make at once.
	burst = 10
	// refill is how long it takes until one more is allowed.
	refill = 100 * time.Millisecond
)

// bucket is the state of one limiter: a token bucket.
type bucket struct {
	Used int64     `json:"used"` // tokens that are gone; the zero bucket is full
	Last time.Time `json:"last"` // up to when tokens have come back
	Life uint64    `json:"life"` // drawn by the first call of an activation
}

// decision is the answer to one request.
type decision struct {
	Allowed bool          `json:"allowed"`
	Retry   time.Duration `json:"retry"` // when to ask again, if not allowed
	Life    uint64        `json:"life"`  // which bucket decided: one that was forgotten begins again, full
}

// limits is every actor limit/CLIENT. One that is idle for a minute is full again, so nothing is lost when it is
// deactivated.
var limits = actor.New[bucket]("limit").Volatile().WithIdleTimeout(time.Minute)

// take asks for one token.
var take = actor.Write(limits, "take", func(ctx *actor.Context, b *bucket, _ actor.None) (decision, error) {
	if b.Life == 0 {
		b.Life = ctx.Rand().Uint64() | 1
	}
	now := ctx.Now() // by the caller's clock, which may be behind that of the caller before
	if now.Before(b.Last) {
		now = b.Last
	}
	if back := int64(now.Sub(b.Last) / refill); back >= b.Used {
		b.Used, b.Last = 0, now
	} else if back > 0 {
		b.Used -= back
		b.Last = b.Last.Add(time.Duration(back) * refill)
	}
	if b.Used == burst {
		return decision{Life: b.Life, Retry: refill - now.Sub(b.Last)}, nil
	}
	b.Used++
	return decision{Life: b.Life, Allowed: true}, nil
})

func main() { host.Main(limits) }
