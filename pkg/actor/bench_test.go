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

// BenchmarkMarshal encodes what a call usually leaves, and what must be walked first: a tree, and a map of anything.
func BenchmarkMarshal(b *testing.B) {
	big := state{M: make(map[string]inner)}
	var tree *branch
	anything := make(map[string]any)
	for i := range 1000 {
		big.M[fmt.Sprint(i)] = inner{Tags: []string{"red", "green"}}
		anything[fmt.Sprint(i)] = []any{"red", i}
		tree = &branch{Name: fmt.Sprint(i)}
	}
	for range 9 {
		tree = &branch{Name: "b", Left: tree, Right: tree}
	}
	for _, bench := range []struct {
		name string
		in   any
	}{{"int64", int64(1 << 40)}, {"struct", state{N: 1, F: 2, B: []byte("abc")}}, {"thousand", big}, {"tree", tree},
		{"anything", anything}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := actor.Marshal(bench.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type branch struct {
	Name        string  `json:"name"`
	Left, Right *branch `json:",omitempty"`
}
