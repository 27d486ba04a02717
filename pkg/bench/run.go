// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// progressInterval is how often a run calls Config.Each.
const progressInterval = time.Second

// Run makes the calls and blocks until the last of them is answered or has failed, or ctx ends. That ends the run
// early, and is no error: what was measured until then is returned.
//
// First of all, each method of the mix is called once, and an error of that is returned: what can't be called at all
// is not worth a run. Other errors are those of Validate, CodeInvalidArgument.
func Run(ctx context.Context, c Config) (*Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := c.probe(ctx); err != nil {
		if ctx.Err() == nil {
			return nil, err
		}
		return c.interrupted(), nil
	}
	if c.WarmUp > 0 {
		warmUp := c
		warmUp.Calls, warmUp.Duration = 0, c.WarmUp
		warmUp.phase(ctx, true)
	}
	if ctx.Err() != nil {
		return c.interrupted(), nil
	}
	return c.phase(ctx, false), nil
}

// interrupted is the result of a run that has measured nothing.
func (c *Config) interrupted() *Result {
	r := newRecorder(c.Mix, 1).result(0)
	r.Interrupted = true
	return r
}

// probe calls each method once.
func (c *Config) probe(ctx context.Context) error {
	for i := range c.Mix {
		if err := c.call(ctx, i, 0); err != nil {
			return err
		}
	}
	return nil
}

// call calls a method of the mix of an actor.
func (c *Config) call(ctx context.Context, method, actor int) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	s := &c.Mix[method]
	return c.Target(ctx, c.actor(actor), s.Method, s.Request)
}

// phase makes calls until the schedule ends.
func (c *Config) phase(ctx context.Context, warmingUp bool) *Result {
	s := newSchedule(ctx, c.Calls, c.Duration, c.Rate)
	r := newRecorder(c.Mix, c.Callers)
	var callers sync.WaitGroup
	for i := range c.Callers {
		callers.Go(func() { c.caller(ctx, i, s, r) })
	}
	done := make(chan struct{})
	go func() { callers.Wait(); close(done) }()
	c.report(s, r, warmingUp, done)

	elapsed := time.Since(s.began)
	if c.Duration > 0 {
		elapsed = min(elapsed, c.Duration)
	}
	result := r.result(elapsed)
	result.Interrupted, result.Unsent = ctx.Err() != nil, s.unsent(elapsed)
	return result
}

// caller makes one call after the other.
func (c *Config) caller(ctx context.Context, caller int, s *schedule, r *recorder) {
	random := rand.New(rand.NewPCG(rand.Uint64(), uint64(caller)))
	weight := c.Mix.weight()
	for {
		due, ok := s.next(ctx)
		if !ok {
			return
		}
		method := c.Mix.at(random.IntN(weight))
		err := c.call(ctx, method, random.IntN(c.Actors))
		if err != nil && ctx.Err() != nil {
			return // it was cut off by who ended the run
		}
		at := time.Since(s.began)
		r.add(caller, method, at-due, c.Duration == 0 || at <= c.Duration, err)
	}
}

// report tells Each how far things have come, until done.
func (c *Config) report(s *schedule, r *recorder, warmingUp bool, done <-chan struct{}) {
	if c.Each == nil {
		<-done
		return
	}
	ticks := time.NewTicker(progressInterval)
	defer ticks.Stop()
	var last Progress
	for {
		select {
		case <-done:
			return
		case <-ticks.C:
		}
		_, all := r.merged()
		p := Progress{WarmingUp: warmingUp, Elapsed: time.Since(s.began), Answered: all.answered, Failed: all.failed,
			Latency: all.distribution()}
		p.PerSecond = float64(p.Answered-last.Answered) / (p.Elapsed - last.Elapsed).Seconds()
		c.Each(p)
		last = p
	}
}
