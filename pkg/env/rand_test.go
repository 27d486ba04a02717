// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestRandFollowsFromSeeds(t *testing.T) {
	draw := func(seed1, seed2 uint64) []uint64 {
		r := env.NewRand(seed1, seed2)
		b := r.Bytes16()
		return []uint64{r.Uint64(), uint64(r.IntN(1 << 40)), uint64(r.Int64N(1 << 40)), uint64(r.Float64() * 1e9),
			uint64(r.Perm(100)[0]), uint64(r.Jitter(time.Hour)), uint64(b[0]), uint64(b[15])}
	}
	if a, b := draw(1, 2), draw(1, 2); !slices.Equal(a, b) {
		t.Errorf("same seeds: %v and %v", a, b)
	}
	for _, other := range [][]uint64{draw(2, 2), draw(1, 1)} {
		if slices.Equal(draw(1, 2), other) {
			t.Errorf("other seeds give the same: %v", other)
		}
	}
}

func TestJitterBounds(t *testing.T) {
	r := env.NewRand(1, 2)
	for _, d := range []time.Duration{2, 3, time.Second, 1<<63 - 1} {
		low, high := d, time.Duration(0)
		for range 1000 {
			j := r.Jitter(d)
			low, high = min(low, j), max(high, j)
		}
		if low < d/2 || high >= d {
			t.Errorf("jitter of %d lies in [%d, %d]", d, low, high)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1} {
		equal(t, "jitter of next to nothing", r.Jitter(d), d)
	}
}

func TestRandsOfOneConcernDiffer(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		seen := make(map[[16]byte]bool)
		for _, concern := range []string{"ids", "ids", "backoff", "backoff"} {
			seen[e.Rand(concern).Bytes16()] = true
		}
		equal(t, "distinct draws", len(seen), 4)
	})
}
