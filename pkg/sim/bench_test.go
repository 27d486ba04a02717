// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// BenchmarkDefault makes runs of the default profile: how many checked calls and steps of the scheduler a second they
// come to.
func BenchmarkDefault(b *testing.B) {
	var calls int
	var steps uint64
	for seed := uint64(1); b.Loop(); seed++ {
		r, err := sim.Run(sim.Options{Seed: seed})
		if err != nil || len(r.Violations) > 0 {
			b.Fatalf("seed %d: %v %v", seed, err, r.Violations)
		}
		calls += r.OK + r.Failed
		steps += r.Steps
	}
	b.ReportMetric(float64(calls)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkIdle makes runs of clusters that do nothing: how much faster than outside time passes, and how many
// operations of the store each node makes in a second, which should not depend on how many there are.
func BenchmarkIdle(b *testing.B) {
	for _, nodes := range []int{3, 5, 10, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			var simulated time.Duration
			var ops int
			for seed := uint64(1); b.Loop(); seed++ {
				r, err := sim.Run(
					sim.Options{Seed: seed, Profile: "idle", Nodes: nodes,
						For: min(10*time.Minute, max(200*time.Minute/time.Duration(nodes), 20*time.Second))})
				if err != nil || len(r.Violations) > 0 {
					b.Fatalf("seed %d: %v %v", seed, err, r.Violations)
				}
				simulated += r.Elapsed
				ops += r.StoreOps
			}
			b.ReportMetric(simulated.Seconds()/b.Elapsed().Seconds(), "sim-s/s")
			b.ReportMetric(float64(ops)/simulated.Seconds()/float64(nodes), "ops/node/s")
		})
	}
}
