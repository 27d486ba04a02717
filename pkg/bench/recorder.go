// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// latencyMin is what latencies can be told apart by, when they are short.
	latencyMin = 100 * time.Nanosecond
	// latencyDigits is what latencies can be told apart by, when they are long.
	latencyDigits = 3
	// shardsMax bounds the histograms of a method: each takes some 200 kB.
	shardsMax = 16
)

// recorder counts calls and keeps their latencies. Its callers are spread over shards, so that they seldom wait for
// each other.
type recorder struct {
	mix    Mix
	shards []shard
}

type shard struct {
	mu      sync.Mutex
	methods []counts
}

// counts are what is known of the calls of a method.
type counts struct {
	answered, failed int64
	// inTime are those of answered that were within the run's duration.
	inTime  int64
	latency *hdrhistogram.Histogram // of those answered
	errors  map[api.Code]*ErrorCount
}

func newCounts() counts {
	return counts{
		latency: hdrhistogram.New(int64(latencyMin), int64(LatencyMax), latencyDigits),
		errors:  make(map[api.Code]*ErrorCount),
	}
}

func newRecorder(mix Mix, callers int) *recorder {
	r := &recorder{mix: mix, shards: make([]shard, min(callers, runtime.GOMAXPROCS(0), shardsMax))}
	for i := range r.shards {
		for range mix {
			r.shards[i].methods = append(r.shards[i].methods, newCounts())
		}
	}
	return r
}

// add records a call of a caller that was answered, or failed with err.
func (r *recorder) add(caller, method int, latency time.Duration, inTime bool, err error) {
	s := &r.shards[caller%len(r.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods[method].add(latency, inTime, err)
}

func (c *counts) add(latency time.Duration, inTime bool, err error) {
	if err != nil {
		c.failed++
		c.addError(ErrorCount{Code: api.CodeOf(err), Count: 1, Example: err})
		return
	}
	c.answered++
	if inTime {
		c.inTime++
	}
	latency = min(max(latency, 0), LatencyMax)
	if err := c.latency.RecordValue(int64(latency)); err != nil {
		panic("bench: a latency within the histogram's bounds is refused: " + err.Error())
	}
}

func (c *counts) addError(e ErrorCount) {
	if known := c.errors[e.Code]; known != nil {
		known.Count += e.Count
		return
	}
	c.errors[e.Code] = &e
}

// merge adds what another has counted.
func (c *counts) merge(other *counts) {
	c.answered += other.answered
	c.failed += other.failed
	c.inTime += other.inTime
	c.latency.Merge(other.latency)
	for _, e := range other.errors {
		c.addError(*e)
	}
}

// merged returns the counts of each method, and those of all together.
func (r *recorder) merged() (methods []counts, all counts) {
	all = newCounts()
	for i := range r.mix {
		method := newCounts()
		for j := range r.shards {
			s := &r.shards[j]
			s.mu.Lock()
			method.merge(&s.methods[i])
			s.mu.Unlock()
		}
		all.merge(&method)
		methods = append(methods, method)
	}
	return methods, all
}
