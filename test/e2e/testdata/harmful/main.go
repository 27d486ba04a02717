// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Harmful is a node whose actors can end its process.
package main

import (
	"os"
	"runtime/debug"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/host"
)

type state struct {
	N      int    `json:"n"`
	Parent *state `json:"parent"`
	Child  *state `json:"child"`
}

func main() {
	debug.SetMaxStack(16 << 20) // as soon as possible: the default is a gigabyte
	host.Main(actor.New[state]("harm").
		With(actor.WriteFunc("add", func(_ *actor.Context, s *state, n int) (int, error) {
			s.N += n
			return s.N, nil
		})).
		With(actor.WriteFunc("link", func(_ *actor.Context, s *state, _ struct{}) (int, error) {
			s.Child = &state{Parent: s}
			return s.N, nil
		})).
		With(actor.WriteFunc("overflow", func(_ *actor.Context, s *state, _ struct{}) (int, error) {
			s.N = deeper(s.N)
			return s.N, nil
		})).
		With(actor.WriteFunc("exit", func(_ *actor.Context, s *state, _ struct{}) (int, error) {
			s.N = -1
			os.Exit(3)
			return s.N, nil
		})))
}

// deeper never returns.
func deeper(n int) int { return deeper(n+1) + 1 }
