// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// Campaign is a number of runs that differ by their seeds.
type Campaign struct {
	// Options are those of every run, but for Seed, which is not looked at.
	Options sim.Options
	// Start is the first seed; the others follow it.
	Start uint64
	// Seeds is how many there are at most; 0 is as many as there is time for.
	Seeds int
	// Jobs is how many run at once; 0 is as many as there are processors.
	Jobs int
	// For is after how long, in real time, no more seeds are started; 0 is never.
	For time.Duration
	// CheckDeterminism runs each seed twice. A seed that goes another way the second time breaks a promise of the
	// checker Determinism.
	CheckDeterminism bool
	// Each, if not nil, is told of every run, in order of seed, on the goroutine that called Run. An error of it ends
	// the campaign.
	Each func(Outcome) error
}

// Determinism is the checker of Campaign.CheckDeterminism.
const Determinism = "determinism"

// Outcome is one run that has ended.
type Outcome struct {
	Result *sim.Result
	Wall   time.Duration // real, of both runs if determinism is checked
}

// aheadPerJob is how many runs may have ended, for each that runs at a time, and wait to be reported because one
// before them takes longer: a result holds a run's whole history.
const aheadPerJob = 8

// Run makes the runs and blocks until all that were started have ended. No more are started once ctx ends, which is
// no error. Errors are CodeInvalidArgument, and those of Each.
func (c Campaign) Run(ctx context.Context) (Summary, error) {
	if err := c.validate(); err != nil {
		return Summary{}, err
	}
	began := time.Now()
	var cancel context.CancelFunc
	if c.For > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.For)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()

	var summary Summary
	var failed error
	for ended := range c.start(ctx) {
		outcome := <-ended
		if failed == nil { // the rest, which was under way, is not reported
			failed = c.report(&summary, outcome)
		}
		if failed != nil {
			cancel()
		}
	}
	summary.Wall = time.Since(began)
	return summary, failed
}

func (c *Campaign) report(s *Summary, o ended) error {
	if o.err != nil {
		return o.err
	}
	s.add(o.Result)
	if c.Each == nil {
		return nil
	}
	return c.Each(o.Outcome)
}

// validate finds what is wrong with all runs before any is made.
func (c *Campaign) validate() error {
	switch {
	case c.Seeds < 0:
		return api.Errorf(api.CodeInvalidArgument, "%d seeds: must not be negative", c.Seeds)
	case c.Jobs < 0:
		return api.Errorf(api.CodeInvalidArgument, "%d jobs: must not be negative", c.Jobs)
	case c.For < 0:
		return api.Errorf(api.CodeInvalidArgument, "%v: a time must not be negative", c.For)
	case c.Seeds == 0 && c.For == 0:
		return api.Errorf(api.CodeInvalidArgument, "a campaign needs a number of seeds, or a time")
	case c.Seeds > 0 && uint64(c.Seeds)-1 > math.MaxUint64-c.Start:
		return api.Errorf(api.CodeInvalidArgument, "there are no %d seeds from %d on", c.Seeds, c.Start)
	}
	_, err := c.options(c.Start).Resolve()
	return err
}

func (c *Campaign) options(seed uint64) sim.Options {
	o := c.Options
	o.Seed = seed
	return o
}

// ended is an Outcome, or why there is none.
type ended struct {
	Outcome
	err error
}

// job is a run that is to be made. What comes of it is sent to done, which has room for it.
type job struct {
	seed uint64
	done chan ended
}

// start starts runs in order of seed, until there are no more or ctx ends. It returns where their outcomes will come,
// in that order; the caller receives them all.
func (c *Campaign) start(ctx context.Context) <-chan chan ended {
	jobs := cmp.Or(c.Jobs, runtime.GOMAXPROCS(0))
	waiting := make(chan job)
	started := make(chan chan ended, jobs*aheadPerJob)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for j := range waiting {
				j.done <- c.run(j.seed)
			}
		})
	}
	go func() {
		defer close(started)
		defer workers.Wait()
		defer close(waiting)
		for n, seed := 0, c.Start; c.Seeds == 0 || n < c.Seeds; n, seed = n+1, seed+1 {
			j := job{seed, make(chan ended, 1)}
			if ctx.Err() != nil {
				return
			}
			select {
			case waiting <- j:
				started <- j.done
			case <-ctx.Done():
				return
			}
		}
	}()
	return started
}

// run makes the run of a seed, and perhaps makes it again.
func (c *Campaign) run(seed uint64) ended {
	began := time.Now()
	o := c.options(seed)
	result, err := sim.Run(o)
	if err == nil && c.CheckDeterminism {
		var again *sim.Result
		if again, err = sim.Run(o); err == nil {
			compare(result, again)
		}
	}
	return ended{Outcome{Result: result, Wall: time.Since(began)}, err}
}
