// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPercentilesAreAtMostAnEighthTooHigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l latencies
		var before counted
		l.Add(time.Hour) // of an earlier window
		l.since(&before)
		took := rapid.SliceOfN(rapid.Int64Range(0, int64(30*time.Minute)), 1, 300).Draw(t, "took")
		for _, d := range took {
			l.Add(time.Duration(d))
		}
		slices.Sort(took)
		c := l.since(&before)
		for _, q := range []float64{0.01, 0.5, 0.99, 1} {
			want := time.Duration(took[max(int(q*float64(len(took))+0.5), 1)-1])
			got := c.quantile(q)
			if got <= want-time.Microsecond || got > want+want/8+2*time.Microsecond {
				t.Fatalf("quantile %v of %v is %v, want about %v", q, took, got, want)
			}
		}
		if c := l.since(&before); c.quantile(0.5) != 0 {
			t.Fatal("an empty window has a median")
		}
	})
}

func TestAnActorsRateFollowsItsCalls(t *testing.T) {
	var a CallStats
	now := time.Duration(0)
	for range 600 { // a minute of ten a second
		now += 100 * time.Millisecond
		a.Add(now, 1, 5*time.Millisecond)
	}
	if rate := a.RateAt(now); rate < 9.5 || rate > 10.6 || a.Calls != 600 || a.Latency < 4999 || a.Latency > 5001 {
		t.Fatalf("rate %v, %d calls of %v µs", rate, a.Calls, a.Latency)
	}
	if rate := a.RateAt(now + time.Minute); rate > 0.1 {
		t.Fatalf("a minute later the rate is %v", rate)
	}
}
