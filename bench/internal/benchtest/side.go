// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package benchtest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// turns is how often each side is measured, each time for turnTime.
	turns    = 7
	turnTime = 500 * time.Millisecond
)

// Side is one of what is compared.
type Side struct {
	Name string
	// Callers is how many call at once.
	Callers int
	// Call is one call by a caller, counted from 0. Callers call concurrently.
	Call func(caller int) error
	// Weight is for how many calls one counts; 0 is 1.
	Weight int
}

// Compare measures sides in turns, and reports the median of calls per second of each, and the ratio of each to the
// last. A turn of each before that is not counted.
func Compare(b *testing.B, sides ...Side) {
	b.Helper()
	rates := make([][]float64, len(sides))
	for b.Loop() {
		for turn := range 1 + turns {
			for i := range sides {
				if rate := sides[i].rate(b); turn > 0 {
					rates[i] = append(rates[i], rate)
				}
			}
		}
	}
	base := len(sides) - 1
	for i, s := range sides {
		b.ReportMetric(median(rates[i]), s.Name+"/s")
		if i != base {
			b.ReportMetric(median(rates[i])/median(rates[base]), s.Name+"/"+sides[base].Name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// rate is how many calls per second come through during a turn.
func (s *Side) rate(b *testing.B) float64 {
	b.Helper()
	var over atomic.Bool
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begin := time.Now()
	defer time.AfterFunc(turnTime, func() { over.Store(true) }).Stop()
	for i := range s.Callers {
		wg.Go(func() {
			n := int64(0) // of this caller alone: a counter that all share would be measured too
			for ; !over.Load(); n++ {
				if err := s.Call(i); err != nil {
					failed.Store(&err)
					return
				}
			}
			done.Add(n)
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatalf("%s: %v", s.Name, *err)
	}
	return float64(max(s.Weight, 1)) * float64(done.Load()) / time.Since(begin).Seconds()
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
