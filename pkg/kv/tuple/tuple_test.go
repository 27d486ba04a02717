// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tuple_test

import (
	"bytes"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Elements in the order that FoundationDB gives them.
var ordered = []any{
	nil,
	[]byte{}, []byte{0}, []byte{0, 0xff}, []byte{1}, []byte{0xff},
	"", "\x00", "\x00\xff", "a", "a\x00", "a\x00b", "aa", "b", "\xff",
	tuple.Tuple{}, tuple.Tuple{nil}, tuple.Tuple{nil, nil}, tuple.Tuple{tuple.Tuple{}}, tuple.Tuple{1},
	bigOf("-340282366920938463463374607431768211456"), bigOf("-18446744073709551616"),
	bigOf("-18446744073709551615"), bigOf("-9223372036854775809"),
	math.MinInt64, -1 << 32, -65536, -65535, -256, -255, -1, 0, 1, 255, 256, 65535, 65536, 1 << 32, math.MaxInt64,
	uint64(math.MaxInt64 + 1), uint64(math.MaxUint64), bigOf("18446744073709551616"),
	bigOf("340282366920938463463374607431768211456"),
	float32(math.Inf(-1)), float32(-1.5), float32(math.Copysign(0, -1)), float32(0), float32(1.5), float32(math.Inf(1)),
	math.Inf(-1), -1.5, math.Copysign(0, -1), 0.0, 1.5, math.Inf(1), math.NaN(),
	false, true,
	tuple.UUID{}, tuple.UUID{1}, tuple.UUID{0xff},
	tuple.Versionstamp{}, tuple.Versionstamp{User: 1}, tuple.Versionstamp{Commit: [10]byte{9: 1}},
}

func bigOf(s string) *big.Int {
	v, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic(s)
	}
	return v
}

func TestOrder(t *testing.T) {
	for i := range ordered[1:] {
		a, b := tuple.Pack(ordered[i]), tuple.Pack(ordered[i+1])
		if bytes.Compare(a, b) >= 0 {
			t.Errorf("%T %v (%x) is not before %T %v (%x)", ordered[i], ordered[i], a, ordered[i+1], ordered[i+1], b)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	elem := rapid.OneOf(
		rapid.SampledFrom(ordered),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return b }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(v int64) any { return v }),
		rapid.Map(rapid.Uint64(), func(v uint64) any { return v }),
		rapid.Map(rapid.Float32(), func(v float32) any { return v }),
		rapid.Map(rapid.Float64(), func(v float64) any { return v }),
	)
	nested := rapid.Map(rapid.SliceOfN(elem, 0, 4), func(e []any) any { return tuple.Tuple(e) })
	elems := rapid.SliceOfN(rapid.OneOf(elem, nested), 0, 6)
	rapid.Check(t, func(t *rapid.T) {
		want := elems.Draw(t, "elements")
		key := tuple.Pack(want...)
		got, err := tuple.Unpack(key)
		if err != nil {
			t.Fatalf("%x: %v", key, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%x: %d elements, want %d", key, len(got), len(want))
		}
		if again := tuple.Pack(got...); !bytes.Equal(again, key) {
			t.Fatalf("%v gave %x, unpacked as %v gave %x", want, key, got, again)
		}
		split := rapid.IntRange(0, len(want)).Draw(t, "split")
		joined := tuple.Append(tuple.Pack(want[:split]...), want[split:]...)
		if !bytes.Equal(joined, key) {
			t.Fatalf("joined at %d: %x, want %x", split, joined, key)
		}
	})
}

func TestUnpackedTypes(t *testing.T) {
	got, err := tuple.Unpack(
		tuple.Pack(5, uint64(5), big.NewInt(5), uint64(math.MaxUint64), big.NewInt(math.MinInt64), []byte(nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{int64(5), int64(5), int64(5), uint64(math.MaxUint64), int64(math.MinInt64)}
	if !slices.Equal([]any(got[:5]), want) {
		t.Errorf("got %#v, want %#v", got[:5], want)
	}
	if b, ok := got[5].([]byte); !ok || b == nil || len(b) != 0 {
		t.Errorf("nil bytes gave %#v, want empty bytes", got[5])
	}
}

func TestRange(t *testing.T) {
	begin, end := tuple.Range("a", 1)
	for _, c := range []struct {
		key  []byte
		want bool
	}{
		{tuple.Pack("a", 1), false},
		{tuple.Pack("a", 1, nil), true},
		{tuple.Pack("a", 1, tuple.Versionstamp{}), true},
		{tuple.Pack("a", 0, "z"), false},
		{tuple.Pack("a", 2), false},
		{tuple.Pack("a\x00", 1, 1), false},
	} {
		if got := bytes.Compare(begin, c.key) <= 0 && bytes.Compare(c.key, end) < 0; got != c.want {
			t.Errorf("%x in [%x, %x): %v, want %v", c.key, begin, end, got, c.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for key, want := range map[string]string{
		"\x01abc":       "end of bytes",
		"\x02a\x00\xff": "end of bytes",
		"\x05\x14":      "end of nested",
		"\x05\x00\xff":  "end of nested",
		"\x17\x01\x02":  "missing",
		"\x16\x00\x01":  "shortest",
		"\x12\xff\x01":  "shortest",
		"\x1d":          "missing",
		"\x1d\x01\x05":  "shortest",
		"\x1d\x09\x00\x01\x01\x01\x01\x01\x01\x01\x01": "shortest",
		"\x0b\xf6\xff\x01\x01\x01\x01\x01\x01\x01\x01": "shortest",
		"\x20abc":                         "missing",
		"\x21abc":                         "missing",
		"\x30abc":                         "missing",
		"\x33abc":                         "missing",
		"\x14\xfe":                        "byte 1: unknown type code 0xfe",
		strings.Repeat("\x05", 1_000_000): "nested more than 100 deep",
	} {
		got, err := tuple.Unpack([]byte(key))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, %v; want an error with %q", key, got, err, want)
		}
	}
}

func TestPackPanics(t *testing.T) {
	deep := tuple.Tuple{}
	for range tuple.NestingMax {
		deep = tuple.Tuple{deep}
	}
	for name, elem := range map[string]any{
		"type":   struct{}{},
		"big":    new(big.Int).Lsh(big.NewInt(1), 255*8),
		"nested": deep,
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "tuple: ") {
					t.Errorf("no panic of the package's own: %v", s)
				}
			}()
			tuple.Pack(elem)
		})
	}
	tuple.Pack(deep[0])
}

func TestAppendDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 128)
	ns, id, n := strings.Repeat("n", 3), strings.Repeat("i", 9), int64(len(dst)+123456)
	allocs := testing.AllocsPerRun(100, func() {
		dst = tuple.Append(dst[:0], "claim", ns, id, n, uint64(n), int(n))
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, elem := range ordered {
		f.Add(tuple.Pack(elem, tuple.Tuple{elem}))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		got, err := tuple.Unpack(key)
		if err != nil {
			return
		}
		if again := tuple.Pack(got...); !bytes.Equal(again, key) {
			t.Errorf("%x unpacked as %v, which packs as %x", key, got, again)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 128)
	id := strings.Repeat("i", 9)
	for b.Loop() {
		dst = tuple.Append(dst[:0], "claim", "cart", id, 42)
	}
}

func BenchmarkUnpack(b *testing.B) {
	key := tuple.Pack("claim", "cart", "alice", 42)
	for b.Loop() {
		if _, err := tuple.Unpack(key); err != nil {
			b.Fatal(err)
		}
	}
}
