// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"runtime"
	"sync"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// Run runs the seeds, and fails the test at the first that breaks a promise: one that the program checks, or one of
// the cluster's. It blocks until they have run, about a tenth of a second each, and after a failure up to ten seconds
// more, to find a smaller run that fails.
func Run(t testing.TB, c Config) {
	t.Helper()
	first, count, asked, err := c.seeds()
	if err != nil {
		t.Fatal(err)
	}
	failure, err := c.explore(first, count)
	switch {
	case err != nil:
		t.Fatal(err)
	case failure != nil && asked:
		t.Errorf("%s\nall that happens:\n%s\n%s", failure.summary(), lines(failure.Result.Timeline),
			failure.Shrink().smallest())
	case failure != nil:
		t.Errorf("%s\n%s\n%s", failure.summary(), failure.Shrink().smallest(), reproduce(failure.Seed, t.Name()))
	case asked:
		t.Logf("seed %d holds all promises\n%s", first, c.timeline(first))
	}
}

// Explore runs the seeds from 1 on, whatever the environment says, and returns the first that breaks a promise, nil
// if none does. It blocks as Run does. Errors, of a Config that makes no run, are CodeInvalidArgument.
func Explore(c Config) (*Failure, error) {
	count, err := c.count("")
	if err != nil {
		return nil, err
	}
	return c.explore(1, count)
}

// explore runs the seeds side by side. Which one it returns does not depend on which is done first.
func (c *Config) explore(first uint64, count int) (*Failure, error) {
	if c.Program == nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "simtest: Config.Program is required")
	}
	s := search{config: c, next: first, end: first + uint64(count)}
	var all sync.WaitGroup
	for range min(count, runtime.GOMAXPROCS(0)) {
		all.Go(s.work)
	}
	all.Wait()
	if s.err != nil || s.found == nil {
		return nil, s.err
	}
	return c.failure(s.found)
}

// search is the seeds that are still to run, and what has been found. Seeds are handed out in order, and none after
// one has failed: all before it have run, or are about to end.
type search struct {
	config *Config

	mu        sync.Mutex
	next, end uint64
	found     *sim.Result // of the first seed that failed
	err       error
}

func (s *search) work() {
	for {
		seed, ok := s.take()
		if !ok {
			return
		}
		result, err := s.config.run(s.config.options(seed))
		s.note(result, err)
	}
}

func (s *search) take() (seed uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.end || s.found != nil || s.err != nil {
		return 0, false
	}
	s.next++
	return s.next - 1, true
}

func (s *search) note(result *sim.Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.err = err
	case result.Caught() && (s.found == nil || result.Config.Seed < s.found.Config.Seed):
		s.found = result
	}
}
