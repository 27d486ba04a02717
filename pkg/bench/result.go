// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Result is what a run has measured.
type Result struct {
	// Elapsed is how long calls were measured: without the warm-up, and without what came after the duration asked for.
	Elapsed time.Duration
	// Interrupted says that the run's context ended before the run did. The calls in flight then are not counted.
	Interrupted bool
	// Unsent is how many calls of an open loop were due and were not begun, because all callers waited for answers.
	// If there are any, the rate asked for was not reached, and what the latencies say of it is too good.
	Unsent int64
	// Methods are those of the mix, in its order; All is all of them together.
	Methods []Tally
	All     Tally
	// Errors are what calls failed with, the most frequent first.
	Errors []ErrorCount
}

// Tally is what became of the calls of a method.
type Tally struct {
	Method string // "" for all
	// Answered is how many calls were answered, and Failed how many were not.
	Answered, Failed int64
	// PerSecond is how many calls were answered each second within Elapsed.
	PerSecond float64
	Latency   Latency
}

// Latency is the distribution of the latencies of calls that were answered; 0 if there is none.
type Latency struct{ Mean, P50, P90, P99, P999, Max time.Duration }

// ErrorCount is how many calls failed with a code. Example is one of their errors.
type ErrorCount struct {
	Code    api.Code
	Count   int64
	Example error
}

// Progress is how far a run has come.
type Progress struct {
	// WarmingUp says that the rest is of the warm-up.
	WarmingUp bool
	// Elapsed is since calls were begun.
	Elapsed          time.Duration
	Answered, Failed int64
	// PerSecond is how many calls were answered each second since the last time.
	PerSecond float64
	Latency   Latency
}

// result returns what a recorder has recorded in some time.
func (r *recorder) result(elapsed time.Duration) *Result {
	methods, all := r.merged()
	result := &Result{Elapsed: elapsed, All: all.tally("", elapsed)}
	for i, c := range methods {
		result.Methods = append(result.Methods, c.tally(r.mix[i].Method, elapsed))
	}
	for _, e := range all.errors {
		result.Errors = append(result.Errors, *e)
	}
	slices.SortFunc(result.Errors, func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	return result
}

func (c *counts) tally(method string, elapsed time.Duration) Tally {
	t := Tally{Method: method, Answered: c.answered, Failed: c.failed, Latency: c.distribution()}
	if elapsed > 0 {
		t.PerSecond = float64(c.inTime) / elapsed.Seconds()
	}
	return t
}

func (c *counts) distribution() Latency {
	if c.answered == 0 {
		return Latency{}
	}
	at := func(percent float64) time.Duration { return time.Duration(c.latency.ValueAtQuantile(percent)) }
	return Latency{
		Mean: time.Duration(c.latency.Mean()), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: time.Duration(c.latency.Max()),
	}
}
