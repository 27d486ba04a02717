// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

var (
	// ErrDeadlock says that tasks wait and nothing can ever wake them. Its message
	// lists who waits, and where.
	ErrDeadlock = errors.New("deadlock")

	// ErrLimit says that a bound of Options was reached. Its message lists what
	// every task was at.
	ErrLimit = errors.New("limit")

	// ErrGoexit says that a task ended by runtime.Goexit, which is what FailNow
	// of package testing does.
	ErrGoexit = errors.New("ended by runtime.Goexit, as by testing.T.FailNow")
)

// PanicError says that a task panicked.
type PanicError struct {
	Task  string // which
	Value any    // what it panicked with
	Stack []byte // from where
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("%s panicked: %v\n%s", e.Task, e.Value, e.Stack)
}

// Unwrap returns the value that the task panicked with, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// fail ends the run. The first failure is that which is reported.
func (s *Scheduler) fail(err error) {
	if s.failure != nil {
		return
	}
	s.failure = err
	s.reporting = errors.Is(err, ErrDeadlock) || errors.Is(err, ErrLimit)
}

// result returns what Run does.
func (s *Scheduler) result() error {
	if s.failure == nil || !s.reporting {
		return s.failure
	}
	return fmt.Errorf("%w after %v and %d steps, with %d tasks left%s",
		s.failure, s.elapsed, s.steps, len(s.reports), strings.Join(s.reports, ""))
}

// report notes where t waited, if a failure asks for that. It runs on the
// task's own stack, while that unwinds: nothing is spent on it before.
func (t *task) report() {
	s := t.machine.sched
	if !s.reporting {
		return
	}
	state := ""
	if t.machine.pausedUntil > s.elapsed {
		state = ", which is paused"
	}
	s.reports = append(s.reports, fmt.Sprintf("\n\t%v%s, waits in%s", t, state, strings.Join(waitSite(), "")))
}

// waitSiteFrames is how many callers of what a task waits in are shown.
const waitSiteFrames = 8

// waitSite returns the calling stack above this package.
func waitSite() []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	var site []string
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "iter.") ||
			strings.Contains(f.Function, "/pkg/env/coro.") {
			continue
		}
		site = append(site, fmt.Sprintf("\n\t\t%s %s:%d", f.Function, f.File, f.Line))
	}
	return slices.Clip(site[:min(len(site), waitSiteFrames)])
}
