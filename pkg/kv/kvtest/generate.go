// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"encoding/hex"
	"maps"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/env"
)

const (
	scriptStepsMin = 30
	scriptStepsMax = 70
	scriptPairsMax = 9
)

// stampTemplate is an s, room for a stamp, and the stamp's offset.
const stampTemplate = "730000000000000000000001000000"

// generator makes up the steps of a script, by its seed and by how many of its transactions have committed.
type generator struct {
	rnd  *env.Rand
	open [scriptTxs]bool
	// stamped are keys that have been given a versionstamp.
	stamped []string
}

func newGenerator(seed int) *generator {
	return &generator{rnd: env.NewRand(uint64(seed), 0x736372697074)}
}

func (g *generator) count() int {
	return scriptStepsMin + g.rnd.IntN(scriptStepsMax-scriptStepsMin)
}

// initial is what there is before the first step, in order.
func (g *generator) initial() [][2]string {
	values := map[string]string{}
	for range g.rnd.IntN(scriptPairsMax + 1) {
		values[g.key()] = g.value()
	}
	initial := [][2]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		initial = append(initial, [2]string{key, values[key]})
	}
	return initial
}

// scriptOps is how often each operation comes among those of an open transaction, in parts of their sum.
var scriptOps = []struct {
	op    string
	often int
}{
	{"range", 15}, {"set", 15}, {"get", 13}, {"commit", 10}, {"clear", 5}, {"clear_range", 4}, {"get_key", 4},
	{"cancel", 2}, {"reset", 2}, {"set_versionstamped_value", 2}, {"read_conflict", 2}, {"write_conflict", 2},
	{"add", 1}, {"and", 1}, {"or", 1}, {"xor", 1}, {"max", 1}, {"min", 1}, {"byte_max", 1}, {"byte_min", 1},
	{"append_if_fits", 1}, {"compare_and_clear", 1},
}

func (g *generator) op() string {
	sum := 0
	for _, o := range scriptOps {
		sum += o.often
	}
	n := g.rnd.IntN(sum)
	for _, o := range scriptOps {
		if n -= o.often; n < 0 {
			return o.op
		}
	}
	panic("kvtest: no operation")
}

// next is the next step. It has no answer yet.
func (g *generator) next(commits int) step {
	s := step{T: g.rnd.IntN(scriptTxs)}
	if !g.open[s.T] {
		g.open[s.T] = true
		s.Op = "begin"
		if commits > 0 && g.rnd.IntN(5) == 0 {
			s.Op, s.Of = "begin_at", g.rnd.IntN(commits)
		}
		return s
	}
	s.Op = g.op()
	switch s.Op {
	case "commit", "cancel":
		g.open[s.T] = false
	case "reset":
	case "range":
		s.B, s.E = g.ends(20)
		s.Rev, s.Snap = g.rnd.IntN(4) == 0, g.rnd.IntN(4) == 0
		if g.rnd.IntN(2) == 0 {
			s.Limit = 1 + g.rnd.IntN(4)
		}
	case "clear_range", "read_conflict", "write_conflict":
		s.B, s.E = g.ends(40)
	case "get":
		s.K, s.Snap = g.key(), g.rnd.IntN(4) == 0
	case "get_key":
		s.K, s.Snap = g.key(), g.rnd.IntN(4) == 0
		s.OrEqual, s.Offset = g.rnd.IntN(2) == 0, g.rnd.IntN(7)-3
	case "clear":
		s.K = g.key()
	case "set_versionstamped_value":
		s.K, s.V = g.key(), stampTemplate
		g.stamped = append(g.stamped, s.K)
	case "set":
		s.K, s.V = g.key(), g.value()
	default:
		s.K, s.V = g.key(), g.value()
		if len(g.stamped) > 0 && g.rnd.IntN(4) == 0 {
			s.K = g.stamped[g.rnd.IntN(len(g.stamped))]
		}
	}
	return s
}

// key returns one of sixty keys, the shorter ones more often.
func (g *generator) key() string {
	key := []byte{byte('a' + g.rnd.IntN(10))}
	switch n := g.rnd.IntN(12); {
	case n < 1:
		key = append(key, 0)
	case n < 2:
		key = append(key, 0xff)
	case n < 4:
		key = append(key, byte('a'+g.rnd.IntN(3)))
	}
	return hex.EncodeToString(key)
}

// value returns a value of the few bytes that make operations meet.
func (g *generator) value() string {
	value := make([]byte, [...]int{8, 8, 8, 4, 1, 0, 2, 12}[g.rnd.IntN(8)])
	for i := range value {
		value[i] = "\x00\x55\xaa\xff"[g.rnd.IntN(4)]
	}
	return hex.EncodeToString(value)
}

// ends returns the ends of a range; a few ranges are inverted.
func (g *generator) ends(inverted int) (begin, end string) {
	begin, end = g.key(), g.key()
	if g.rnd.IntN(12) == 0 {
		begin = ""
	}
	if g.rnd.IntN(12) == 0 {
		end = scriptEnd
	}
	if (begin > end) != (g.rnd.IntN(inverted) == 0) {
		begin, end = end, begin
	}
	return begin, end
}
