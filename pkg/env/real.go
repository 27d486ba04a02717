// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"time"
)

// Real returns the Env of production: goroutines, the system's clocks, random
// numbers seeded by the operating system. Its monotonic clock starts now.
func Real() Env { return realEnv{start: time.Now()} }

type realEnv struct{ start time.Time }

func (realEnv) Now() time.Time { return time.Now() }

func (e realEnv) Monotonic() time.Duration { return time.Since(e.start) }

func (realEnv) Go(_ string, f func()) { realWorkers.run(f) }

// yields is how often a task stands back: once is enough for what waits for the same processor, and
// others may be behind those of another.
const yields = 3

func (realEnv) Yield() {
	for range yields {
		runtime.Gosched()
	}
}

func (realEnv) NewParker() Parker { return make(realParker, 1) }

func (realEnv) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

func (realEnv) Rand(string) *Rand {
	var seed [16]byte
	// Read never fails: it ends the process where the system has no randomness.
	_, _ = rand.Read(seed[:])
	return NewRand(binary.LittleEndian.Uint64(seed[0:]), binary.LittleEndian.Uint64(seed[8:]))
}

// realParker is a channel whose one slot is the permit.
type realParker chan struct{}

func (p realParker) Park(ctx context.Context) error {
	done := ctx.Done()
	if done == nil {
		<-p
		return nil
	}
	select {
	case <-p:
		return nil
	case <-done:
	}
	// Both may have come; the permit wins.
	select {
	case <-p:
		return nil
	default:
		return context.Cause(ctx)
	}
}

func (p realParker) Unpark() {
	select {
	case p <- struct{}{}:
	default:
	}
}
