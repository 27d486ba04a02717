// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// statsWindow is the shortest time that rates and percentiles are of.
const statsWindow = time.Second

// Meter measures what a node does. What is counted is looked at by the heartbeat, so that it costs nothing more where
// nobody watches.
type Meter struct {
	// usage tells what the process takes of its machine; nil if nobody knows.
	usage func() api.Usage

	Answered, Failed atomic.Uint64
	Calls, Commits   latencies

	mu      sync.Mutex
	started time.Duration
	// Of the present window: when it began, and what had been counted by then.
	began                        time.Duration
	callsBefore, commitsBefore   counted
	answeredBefore, failedBefore uint64
	cpuBefore                    int64
	// last is the last whole window.
	last window
}

// window is what was measured in a while.
type window struct {
	length             time.Duration
	rate, failedRate   float64
	p50, p99           time.Duration
	storeP50, storeP99 time.Duration
	cpu                float64 // in hundredths of a processor, -1 if not known
	memory             int64
}

// NewMeter returns a meter that begins at now. usage may be nil.
func NewMeter(now time.Duration, usage func() api.Usage) *Meter {
	m := &Meter{usage: usage, started: now, began: now, last: window{cpu: -1}}
	if usage != nil {
		u := usage()
		m.cpuBefore, m.last.memory = u.CPUMicros, u.MemoryBytes
	}
	return m
}

// Roll ends the window if it is long enough.
func (m *Meter) Roll(now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	length := now - m.began
	if length < statsWindow {
		return
	}
	answered, failed := m.Answered.Load(), m.Failed.Load()
	calls, commits := m.Calls.since(&m.callsBefore), m.Commits.since(&m.commitsBefore)
	m.last = window{
		length:     length,
		rate:       float64(answered-m.answeredBefore) / length.Seconds(),
		failedRate: float64(failed-m.failedBefore) / length.Seconds(),
		p50:        calls.quantile(0.5), p99: calls.quantile(0.99),
		storeP50: commits.quantile(0.5), storeP99: commits.quantile(0.99),
		cpu: -1,
	}
	if m.usage != nil {
		u := m.usage()
		m.last.cpu = float64(u.CPUMicros-m.cpuBefore) / float64(length.Microseconds()) * 100
		m.last.memory = u.MemoryBytes
		m.cpuBefore = u.CPUMicros
	}
	m.answeredBefore, m.failedBefore, m.began = answered, failed, now
}

// Fill puts what was measured into statistics.
func (m *Meter) Fill(s *api.NodeStats, now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &m.last
	s.UptimeMillis, s.WindowMillis = (now - m.started).Milliseconds(), w.length.Milliseconds()
	s.Calls, s.Failed, s.Rate, s.FailedRate = m.Answered.Load(), m.Failed.Load(), w.rate, w.failedRate
	s.P50Micros, s.P99Micros = w.p50.Microseconds(), w.p99.Microseconds()
	s.StoreP50Micros, s.StoreP99Micros = w.storeP50.Microseconds(), w.storeP99.Microseconds()
	s.CPU, s.MemoryBytes = w.cpu, w.memory
}

// CallStats is what is known of the calls of an activation.
type CallStats struct {
	// Calls were answered, the first after began.
	Calls uint64
	Began time.Duration
	// at is when the last was answered; rate is of then.
	at   time.Duration
	rate float32
	// Latency is an average, in microseconds.
	Latency float32
}

// latencyWeight is the weight of one call in the average latency of an actor.
const latencyWeight = 1.0 / 16

// Add counts calls that have been answered now, after taking so long on average.
func (t *CallStats) Add(now time.Duration, calls int, took time.Duration) {
	t.rate = float32(t.RateAt(now) + float64(calls)/api.RateSeconds)
	t.at = now
	us := float32(took.Microseconds())
	if t.Calls == 0 {
		t.Latency = us
	} else {
		weight := latencyWeight
		if calls > 1 {
			weight = 1 - math.Pow(1-latencyWeight, float64(calls))
		}
		t.Latency += (us - t.Latency) * float32(weight)
	}
	t.Calls += uint64(calls)
}

// RateAt is how many calls a second there were lately: each counts for less as time goes by.
func (t *CallStats) RateAt(now time.Duration) float64 {
	return float64(t.rate) * math.Exp(-(now-t.at).Seconds()/api.RateSeconds)
}
