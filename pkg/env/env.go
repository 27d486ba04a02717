// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"time"
)

// Env is the world that a simulated package lives in: the only way by which it
// reaches time, tasks, randomness and blocking. It is safe for concurrent use.
//
// There are two implementations: Real, of goroutines and the system's clocks,
// and package coro, of coroutines under a seeded scheduler in virtual time.
type Env interface {
	// Now returns the wall clock of this machine. It is for people (logs, the
	// age of a claim in a listing) and may jump either way: nothing is decided
	// by it, and it is never compared with another machine's.
	Now() time.Time

	// Monotonic returns the time since a start of the Env's own. It never falls
	// and does not follow steps of the wall clock. All deadlines and timers
	// are measured on it.
	Monotonic() time.Duration

	// Go runs f as a task. It does not wait for f to begin. The name shows in
	// reports of deadlocks and stuck tasks; it need not be unique.
	Go(name string, f func())

	// Yield lets other tasks have their turns that could run now, those that have just been woken for example,
	// as far as it can without blocking. Batchers call it so that tasks that have just been woken
	// can enqueue first.
	// In a simulated Env it does nothing: the scheduler chooses.
	Yield()

	// NewParker returns a new parker without a permit.
	NewParker() Parker

	// AfterFunc calls f once d has passed on the monotonic clock, d <= 0 being
	// at once, but never before AfterFunc returns to a caller that is itself a task
	// of a simulated Env. f must not block.
	AfterFunc(d time.Duration, f func()) Timer

	// Rand returns a new source of random numbers for one concern, so that a
	// draw added in one place does not shift those in another.
	Rand(concern string) *Rand
}

// Parker is the one blocking primitive. It holds at most one permit.
type Parker interface {
	// Park blocks the calling task until there is a permit and takes it, or
	// until ctx ends, and returns nil or the cause of ctx's end. A permit that
	// is there wins over a ctx that has ended. Only one task may park on a
	// Parker at a time.
	Park(ctx context.Context) error

	// Unpark gives a permit; if there is one already it does nothing. It
	// never blocks and may be called from anywhere, also before Park.
	Unpark()
}

// Timer is a pending call of AfterFunc.
type Timer interface {
	// Stop prevents the call and reports whether it did: false says that the
	// call was made, is being made, or was stopped before.
	Stop() bool
}
