// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/actor"
)

// BenchmarkUnmarshal decodes what a call usually brings: a number, a small struct, and a state of some size.
func BenchmarkUnmarshal(b *testing.B) {
	big := state{M: make(map[string]inner)}
	for i := range 1000 {
		big.M[fmt.Sprint(i)] = inner{Tags: []string{"red", "green"}}
	}
	for _, bench := range []struct {
		name string
		in   any
		out  func() any
	}{
		{"int64", int64(1 << 40), func() any { return new(int64) }},
		{"struct", state{N: 1, F: 2, B: []byte("abc")}, func() any { return new(state) }},
		{"thousand", big, func() any { return new(state) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			in, err := actor.Marshal(bench.in)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if err := actor.Unmarshal(in, bench.out()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
