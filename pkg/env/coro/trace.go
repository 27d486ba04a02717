// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

// The kinds of decision that go into the trace.
const (
	traceStart = 1 + iota
	traceResume
	traceFire
	traceJump
	traceKill
	tracePause
	traceUnwind
	traceSlow
)

// traceHash is a running hash, by the scheme of FNV-1a on words of 64 bits.
type traceHash uint64

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func newTraceHash() traceHash { return fnvOffset }

func (h *traceHash) add(kind, value uint64) {
	h.word(kind)
	h.word(value)
}

func (h *traceHash) addString(s string) {
	h.word(uint64(len(s)))
	for i := range len(s) {
		h.word(uint64(s[i]))
	}
}

// word folds the product so that the high bits of a word reach the low ones.
func (h *traceHash) word(w uint64) {
	x := (uint64(*h) ^ w) * fnvPrime
	*h = traceHash(x ^ x>>32)
}
