// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// latencyParts is into how many buckets each power of two of microseconds is divided: a percentile is at most an
	// eighth too high.
	latencyParts    = 8
	latencyPartBits = 3
	// latencyBuckets reach up to more than an hour.
	latencyBuckets = 32 * latencyParts
)

// latencies counts durations in buckets whose width grows with them, as HDR histograms do (Gil Tene). Add may be
// called by many at once.
type latencies struct {
	counts [latencyBuckets]atomic.Uint64
}

// counted are the counts of latencies between two moments.
type counted [latencyBuckets]uint64

func latencyBucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < latencyParts {
		return int(us)
	}
	power := bits.Len64(us) - 1 - latencyPartBits
	return min((power+1)*latencyParts+int(us>>power)-latencyParts, latencyBuckets-1)
}

// latencyBound is the least duration above those of a bucket.
func latencyBound(bucket int) time.Duration {
	if bucket < latencyParts {
		return time.Duration(bucket+1) * time.Microsecond
	}
	power := bucket/latencyParts - 1
	return time.Duration(uint64(bucket%latencyParts+latencyParts+1)<<power) * time.Microsecond
}

func (l *latencies) Add(d time.Duration) { l.counts[latencyBucket(d)].Add(1) }

// since returns what has come since an earlier count, and makes that the present one.
func (l *latencies) since(earlier *counted) (out counted) {
	for i := range l.counts {
		now := l.counts[i].Load()
		out[i] = now - earlier[i]
		earlier[i] = now
	}
	return out
}

// quantile returns the duration that the share q of those counted does not exceed, 0 if there are none.
func (c *counted) quantile(q float64) time.Duration {
	var all uint64
	for _, n := range c {
		all += n
	}
	if all == 0 {
		return 0
	}
	left := max(uint64(q*float64(all)+0.5), 1)
	for i, n := range c {
		if n >= left {
			return latencyBound(i)
		}
		left -= n
	}
	return latencyBound(latencyBuckets - 1)
}
