// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"
)

// Rand is a source of random numbers, safe for concurrent use. The same seeds
// give the same numbers in the order of the calls.
type Rand struct {
	mu  sync.Mutex
	src *rand.ChaCha8
	rnd *rand.Rand
}

// NewRand returns a source that is determined by the two seeds.
func NewRand(seed1, seed2 uint64) *Rand {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[0:], seed1)
	binary.LittleEndian.PutUint64(seed[8:], seed2)
	src := rand.NewChaCha8(seed)
	return &Rand{src: src, rnd: rand.New(src)}
}

// Uint64 returns a number of 64 random bits.
func (r *Rand) Uint64() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.src.Uint64()
}

// IntN returns a number in [0, n). It panics if n <= 0.
func (r *Rand) IntN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.IntN(n)
}

// Int64N returns a number in [0, n). It panics if n <= 0.
func (r *Rand) Int64N(n int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.Int64N(n)
}

// Float64 returns a number in [0, 1).
func (r *Rand) Float64() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.Float64()
}

// Perm returns the numbers of [0, n) in random order.
func (r *Rand) Perm(n int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.Perm(n)
}

// Jitter returns a duration in [d/2, d), so that those who were delayed together
// do not come back together. A d of less than two nanoseconds is returned as is.
func (r *Rand) Jitter(d time.Duration) time.Duration {
	half := d / 2
	if half <= 0 {
		return d
	}
	return half + time.Duration(r.Int64N(int64(d-half)))
}

// Bytes16 returns 128 random bits, for identities.
func (r *Rand) Bytes16() [16]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], r.src.Uint64())
	binary.LittleEndian.PutUint64(b[8:], r.src.Uint64())
	return b
}
