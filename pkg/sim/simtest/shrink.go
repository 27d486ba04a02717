// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// shrinkFor is about how long the search for a smaller run takes, at most, in time outside of the simulation.
const shrinkFor = 10 * time.Second

// Shrink looks for the smallest run of the seed that still breaks the promise: fewer faults, clients, calls and
// nodes, less time. It returns f itself if there is none, or if runs differ from time to time. It blocks for some
// seconds.
func (f *Failure) Shrink() *Failure {
	if f.Unsteady {
		return f
	}
	var program sim.Program
	fresh := func() {
		program = f.config.Program()
		getIdle(&program, f.Result.Config.IdleTimeout)
	}
	fresh()
	end := time.Now().Add(shrinkFor)
	o := f.Result.Config.Options()
	o.Program = &program
	best, _, err := sim.Shrink(o, func(sim.Options) {
		fresh()
		if time.Now().After(end) { // nothing fails any more: the search ends with what it has
			program.Client, program.Check = func(*sim.Client) {}, nil
		}
	})
	if err != nil {
		return f
	}
	best.Trace = true
	result, err := f.config.run(best)
	if err != nil || !result.Caught(f.Violations[0].Checker) {
		return f
	}
	return &Failure{Seed: f.Seed, Violations: result.Violations, Result: result, config: f.config}
}
