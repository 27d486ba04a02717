// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"time"
)

// Shrink looks for the smallest run that still breaks the promise that this one breaks: fewer faults, clients, calls
// and nodes, less time. It returns its options, with every choice made and all that happens planned, and its result,
// traced. tried, if not nil, is told of every run that it tries. A run that breaks nothing comes back as it is.
// Errors are CodeInvalidArgument.
func Shrink(o Options, tried func(Options)) (Options, *Result, error) {
	first, err := Run(o)
	if err != nil {
		return o, nil, err
	}
	if len(first.Violations) == 0 {
		return o, first, nil
	}
	s := &shrinker{best: first.Config.Options(), checker: first.Violations[0].Checker, tried: tried}
	for again := true; again && s.runs < shrinkRunsMax; {
		again = s.pass()
	}
	s.best.Trace = true
	last, err := Run(s.best)
	return s.best, last, err
}

// shrinkRunsMax bounds how many runs a shrinking takes.
const shrinkRunsMax = 2000

type shrinker struct {
	best    Options
	checker string
	tried   func(Options)
	runs    int
}

// pass tries everything once and reports whether anything could go.
func (s *shrinker) pass() bool {
	smaller := s.fewerEvents()
	smaller = s.lessTime() || smaller
	smaller = s.fewerNames(func(o *Options) *[]string { return &o.Faults }) || smaller
	smaller = s.fewerNames(func(o *Options) *[]string { return &o.Workloads }) || smaller
	smaller = s.fewer(func(o *Options) *int { return &o.Clients }) || smaller
	smaller = s.fewer(func(o *Options) *int { return &o.Calls }) || smaller
	return s.fewer(func(o *Options) *int { return &o.Nodes }) || smaller
}

// try makes a run and keeps its options if it still fails by the same checker.
func (s *shrinker) try(o Options) bool {
	if s.runs >= shrinkRunsMax {
		return false
	}
	s.runs++
	if s.tried != nil {
		s.tried(o)
	}
	r, err := Run(o)
	if err != nil || !r.Caught(s.checker) {
		return false
	}
	s.best = o
	return true
}

// fewerEvents takes events out of the plan, first many at a time.
func (s *shrinker) fewerEvents() (smaller bool) {
	for size := len(*s.best.Plan); size > 0; size /= 2 {
		for at := 0; at+size <= len(*s.best.Plan); {
			plan := slices.Delete(slices.Clone(*s.best.Plan), at, at+size)
			o := s.best
			o.Plan = &plan
			if s.try(o) {
				smaller = true
			} else {
				at += size
			}
		}
	}
	return smaller
}

// fewerNames leaves names out of a list.
func (s *shrinker) fewerNames(of func(*Options) *[]string) (smaller bool) {
	for i := 0; i < len(*of(&s.best)); {
		o := s.best
		*of(&o) = slices.Delete(slices.Clone(*of(&s.best)), i, i+1)
		if len(*of(&o)) == 0 {
			*of(&o) = []string{} // nil is drawn
		}
		if s.try(o) {
			smaller = true
		} else {
			i++
		}
	}
	return smaller
}

// fewer lowers a number, but not to zero, which is drawn.
func (s *shrinker) fewer(of func(*Options) *int) (smaller bool) {
	for step := *of(&s.best) / 2; step > 0; step /= 2 {
		for *of(&s.best) > step {
			o := s.best
			*of(&o) -= step
			if !s.try(o) {
				break
			}
			smaller = true
		}
	}
	return smaller
}

// lessTime has everything happen in half the time, or the faults end earlier.
func (s *shrinker) lessTime() (smaller bool) {
	for s.best.For > 2*time.Second {
		sooner := s.best
		sooner.For = (s.best.For / 2).Round(time.Millisecond)
		plan := slices.Clone(*s.best.Plan)
		for i := range plan {
			plan[i].At = (plan[i].At / 2).Round(time.Millisecond)
		}
		shorter := sooner
		sooner.Plan = &plan
		late := func(e Event) bool { return e.At > shorter.For }
		if !s.try(sooner) && (slices.ContainsFunc(*shorter.Plan, late) || !s.try(shorter)) {
			return smaller
		}
		smaller = true
	}
	return smaller
}
