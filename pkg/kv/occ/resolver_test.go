// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// naiveResolver has a version for every point.
type naiveResolver []kv.Version

func (n naiveResolver) conflicts(begin, end int, v kv.Version) bool {
	for _, at := range n[begin:end] {
		if at > v {
			return true
		}
	}
	return false
}

// TestResolver compares the resolver with one that has a version for every key, and shows that it forgets everything
// in the end.
func TestResolver(t *testing.T) {
	const points = 48
	// Every other point is the key directly after the one before.
	key := func(i int) string { return fmt.Sprintf("%02d", i/2) + "\x00"[:i%2] }
	for seed := range uint64(60) {
		rnd := env.NewRand(seed, 1)
		r, naive := newResolver(), make(naiveResolver, points)
		wideness := 1 + rnd.IntN(40)
		some := func() (begin, end int) {
			begin = rnd.IntN(points - 1)
			if rnd.IntN(wideness) > 0 && begin%2 == 0 {
				return begin, begin + 1
			}
			return begin, begin + 1 + rnd.IntN(points-begin-1)
		}
		floor := kv.Version(0)
		for v := kv.Version(1); v < 400; v++ {
			for range rnd.IntN(6) {
				begin, end := some()
				r.record([]keyRange{{key(begin), key(end)}}, v)
				for i := begin; i < end; i++ {
					naive[i] = v
				}
			}
			if rnd.IntN(40) == 0 {
				floor += kv.Version(rnd.IntN(int(v - floor)))
				r.forget(floor)
			}
			begin, end := some()
			read := floor + kv.Version(rnd.IntN(int(v-floor)+1))
			got := r.conflicts([]keyRange{{key(begin), key(end)}}, read)
			if want := naive.conflicts(begin, end, read); got != want {
				t.Fatalf("seed %d: at %d, a read of %q to %q at %d conflicts: %t", seed, v, key(begin), key(end), read,
					got)
			}
		}
		r.forget(400)
		if len(r.keys) != 0 || r.wide.Len() != 0 || r.index.Len() != 0 || len(r.written) != 0 || r.indexed != 0 {
			t.Fatalf("seed %d: the resolver remembers %d keys, %d wide ranges, an index of %d", seed, len(r.keys),
				r.wide.Len(), r.index.Len())
		}
	}
}

// TestResolverIndexes shows that the test above has looked at the index, too.
func TestResolverIndexes(t *testing.T) {
	r := newResolver()
	for v := range kv.Version(2 * scanMax) {
		k := fmt.Sprintf("%04d", v)
		r.record([]keyRange{{k, k + "\x00"}}, v+1)
	}
	if r.conflicts([]keyRange{{"9", "99"}}, 2*scanMax-1); r.indexed != 0 {
		t.Error("indexed for a fresh version")
	}
	if r.conflicts([]keyRange{{"9", "99"}}, 0); r.indexed != 2*scanMax {
		t.Errorf("%d indexed for an old version", r.indexed)
	}
	if !r.conflicts([]keyRange{{"0007", "0008"}}, 7) || r.conflicts([]keyRange{{"0007", "0008"}}, 8) {
		t.Error("the index is wrong")
	}
}
