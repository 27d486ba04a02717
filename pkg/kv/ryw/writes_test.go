// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

func TestEvalAtomic(t *testing.T) {
	const none = "none"
	full := strings.Repeat("f", kv.ValueBytesMax)
	for _, c := range []struct {
		op               kv.AtomicOp
		old, param, want string
	}{
		{kv.AtomicAdd, none, "\x02", "\x02"},
		{kv.AtomicAdd, "\xff\x01", "\x02\x00\x00", "\x01\x02\x00"},
		{kv.AtomicAdd, "\xff\xff", "\x01\x00", "\x00\x00"},
		{kv.AtomicAdd, "\x01\x02\x03", "\x01", "\x02"},
		{kv.AtomicAdd, "\x01", "", ""},
		{kv.AtomicAnd, none, "\x0f", "\x0f"},
		{kv.AtomicAnd, "", "\x0f", "\x00"},
		{kv.AtomicAnd, "\x3c\xff", "\x0f", "\x0c"},
		{kv.AtomicOr, "\x01", "\x02\x04", "\x03\x04"},
		{kv.AtomicXor, "\x03\x01", "\x01", "\x02"},
		{kv.AtomicMax, "\x01\x02", "\x02\x01", "\x01\x02"},
		{kv.AtomicMax, "\x01\x00\x01", "\x02\x00", "\x02\x00"},
		{kv.AtomicMin, none, "\x02", "\x02"},
		{kv.AtomicMin, "", "\x02", "\x00"},
		{kv.AtomicMin, "\x01\x02", "\x02\x01", "\x02\x01"},
		{kv.AtomicByteMin, none, "b", "b"},
		{kv.AtomicByteMin, "a", "ab", "a"},
		{kv.AtomicByteMax, "a", "ab", "ab"},
		{kv.AtomicByteMax, "", "", ""},
		{kv.AtomicAppendIfFits, none, "b", "b"},
		{kv.AtomicAppendIfFits, "a", "b", "ab"},
		{kv.AtomicAppendIfFits, full[1:], "b", full[1:] + "b"},
		{kv.AtomicAppendIfFits, full, "b", full},
		{kv.AtomicCompareAndClear, "a", "a", none},
		{kv.AtomicCompareAndClear, "a", "b", "a"},
		{kv.AtomicCompareAndClear, "", "", none},
		{kv.AtomicCompareAndClear, none, "b", none},
	} {
		value := func(s string) []byte {
			if s == none {
				return nil
			}
			return []byte(s)
		}
		old, param := value(c.old), value(c.param)
		got := EvalAtomic(c.op, old, param)
		if !bytes.Equal(got, value(c.want)) || (got == nil) != (c.want == none) {
			t.Errorf("operation %d of %.10q with %.10q gave %.10q, want %.10q", c.op, c.old, c.param, got, c.want)
		}
		if !bytes.Equal(old, value(c.old)) || !bytes.Equal(param, value(c.param)) {
			t.Errorf("operation %d changed its operands", c.op)
		}
	}
}

// TestFold shows that what is buffered for a key has the effect of the operations one by one, for every value in the
// store.
func TestFold(t *testing.T) {
	ops := []kv.AtomicOp{opSet, kv.AtomicAdd, kv.AtomicAnd, kv.AtomicOr, kv.AtomicXor, kv.AtomicAppendIfFits,
		kv.AtomicMax, kv.AtomicMin, kv.AtomicByteMin, kv.AtomicByteMax, kv.AtomicCompareAndClear}
	for seed := range uint64(20_000) {
		rnd := env.NewRand(seed, 1)
		value := func() []byte {
			v := make([]byte, rnd.IntN(4))
			for i := range v {
				v[i] = byte(rnd.IntN(3)) * 0x7f
			}
			return v
		}
		var w writes
		key := single([]byte("k"))
		var direct []change
		for range 1 + rnd.IntN(5) {
			c := change{op: ops[rnd.IntN(len(ops))], value: value()}
			switch {
			case rnd.IntN(8) == 0:
				c = change{op: opSet}
				w.clear(key)
			case c.op == opSet:
				w.set(key, c.value)
			default:
				w.atomic(c.op, key, c.value)
			}
			direct = append(direct, c)
		}
		old := value()
		if rnd.IntN(4) == 0 {
			old = nil
		}
		want := apply(direct, old)
		got := old
		for _, m := range w.mutations() {
			switch m.Kind {
			case MutationClearRange:
				got = nil
			case MutationSet:
				got = m.Value
			default:
				got = EvalAtomic(m.Op, got, m.Value)
			}
		}
		if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Fatalf("seed %d: %v on %q sends %v, which gives %q, want %q", seed, direct, old, w.mutations(), got, want)
		}
	}
}

func TestStampFill(t *testing.T) {
	stamp := Committed{Version: 0x0102030405060708, Order: 0x090a}.Stamp()
	got := stamp.Fill([]byte("ab0123456789c\x02\x00\x00\x00"))
	if want := "ab\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0ac"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for template, fits := range map[string]bool{
		"":                           false,
		"\x00\x00\x00\x00":           false,
		"012345678\x00\x00\x00\x00":  false,
		"0123456789\x00\x00\x00\x00": true,
		"0123456789\x01\x00\x00\x00": false,
		"0123456789\xff\xff\xff\xff": false,
		"0123456789\xf6\xff\xff\xff": false,
	} {
		if _, got := kv.StampOffset([]byte(template)); got != fits {
			t.Errorf("a stamp fits %q: %t", template, got)
		}
	}
}

// TestRangeSet compares the set with one of single points.
func TestRangeSet(t *testing.T) {
	const points = 40
	name := func(i int) string { return fmt.Sprintf("%02d", i) }
	for seed := range uint64(300) {
		rnd := env.NewRand(seed, 2)
		var s rangeSet
		var naive [points]bool
		for range 30 {
			begin := rnd.IntN(points - 1)
			end := begin + 1 + rnd.IntN(min(12, points-begin-1))
			add := rnd.IntN(2) == 0
			if add {
				s.add(name(begin), name(end))
			} else {
				s.remove(name(begin), name(end))
			}
			for i := begin; i < end; i++ {
				naive[i] = add
			}
			checkRangeSet(t, &s, naive[:], name)
		}
	}
}

func checkRangeSet(t *testing.T, s *rangeSet, naive []bool, name func(int) string) {
	t.Helper()
	var want []string
	for i, in := range naive {
		if s.contains(name(i)) != in {
			t.Fatalf("%s in the set: %t", name(i), !in)
		}
		if in && (i == 0 || !naive[i-1]) {
			want = append(want, name(i))
		}
		if !in && i > 0 && naive[i-1] {
			want = append(want, name(i))
		}
	}
	var got []string
	for _, r := range s.all() {
		got = append(got, string(r.Begin), string(r.End))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("ranges with ends %v, want %v", got, want)
	}
}
