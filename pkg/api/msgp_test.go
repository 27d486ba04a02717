// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// The values at which the shortest form changes, and their neighbours.
var edges = []uint64{
	0, 1, 31, 32, 33, 127, 128, 129, 255, 256, 257, 32767, 32768, 65535, 65536, 65537,
	math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MaxInt64 + 1,
	math.MaxUint64,
}

var lengths = []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 70000}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sameBytes(t *testing.T, what any, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%v: encoded as % x, want % x", what, got[:min(len(got), 16)], want[:min(len(want), 16)])
	}
}

// drained checks that a decoder has read all of its input without an error.
func drained(t *testing.T, what any, d *api.Decoder) {
	t.Helper()
	if d.Err() != nil || len(d.Rest()) != 0 {
		t.Errorf("%v: error %v, %d bytes left", what, d.Err(), len(d.Rest()))
	}
}

func TestIntegersAreAsMsgpackWritesThem(t *testing.T) {
	for _, u := range edges {
		b := api.AppendUint(nil, u)
		e := bytes.Buffer{}
		if err := msgpack.NewEncoder(&e).EncodeUint(u); err != nil {
			t.Fatal(err)
		}
		sameBytes(t, u, b, e.Bytes())
		d := api.NewDecoder(b)
		if got := d.Uint(); got != u {
			t.Errorf("Uint of %d is %d", u, got)
		}
		drained(t, u, &d)
		for _, i := range []int64{int64(u), -int64(u)} {
			b := api.AppendInt(nil, i)
			e.Reset()
			if err := msgpack.NewEncoder(&e).EncodeInt(i); err != nil {
				t.Fatal(err)
			}
			sameBytes(t, i, b, e.Bytes())
			d := api.NewDecoder(b)
			if got := d.Int(); got != i {
				t.Errorf("Int of %d is %d", i, got)
			}
			drained(t, i, &d)
		}
	}
}

// Other encoders need not choose the shortest form, nor the same signedness.
func TestIntegersOfEveryForm(t *testing.T) {
	for _, c := range []struct {
		encoded []byte
		want    int64
	}{
		{[]byte{0xcc, 5}, 5}, {[]byte{0xcd, 0, 5}, 5}, {[]byte{0xce, 0, 0, 0, 5}, 5},
		{[]byte{0xcf, 0, 0, 0, 0, 0, 0, 0, 5}, 5},
		{[]byte{0xd0, 5}, 5}, {[]byte{0xd1, 0, 5}, 5}, {[]byte{0xd2, 0, 0, 0, 5}, 5},
		{[]byte{0xd3, 0, 0, 0, 0, 0, 0, 0, 5}, 5},
		{[]byte{0xff}, -1}, {[]byte{0xd0, 0xff}, -1}, {[]byte{0xd1, 0xff, 0xff}, -1},
		{[]byte{0xd2, 0xff, 0xff, 0xff, 0xff}, -1},
		{[]byte{0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1},
	} {
		d := api.NewDecoder(c.encoded)
		if got := d.Int(); got != c.want {
			t.Errorf("Int of % x is %d, want %d", c.encoded, got, c.want)
		}
		drained(t, c.encoded, &d)
		d = api.NewDecoder(c.encoded)
		if got := d.Uint(); c.want >= 0 && got != uint64(c.want) || (c.want < 0) != (d.Err() != nil) {
			t.Errorf("Uint of % x is %d, error %v", c.encoded, got, d.Err())
		}
	}
	d := api.NewDecoder(api.AppendUint(nil, math.MaxInt64+1))
	if d.Int(); d.Err() == nil {
		t.Error("Int takes what does not fit")
	}
}

func TestStringsAndBytesAreAsMsgpackWritesThem(t *testing.T) {
	for _, n := range lengths {
		s := strings.Repeat("x", n)
		b := api.AppendString(nil, s)
		sameBytes(t, n, b, marshal(t, s))
		d := api.NewDecoder(b)
		if got := d.String(); got != s {
			t.Errorf("string of %d bytes differs", n)
		}
		drained(t, n, &d)

		b = api.AppendBytes(nil, []byte(s))
		sameBytes(t, n, b, marshal(t, []byte(s)))
		d = api.NewDecoder(b)
		if got := d.Bytes(); string(got) != s {
			t.Errorf("binary of %d bytes differs", n)
		}
		drained(t, n, &d)
	}
}

func TestHeadersAreAsMsgpackWritesThem(t *testing.T) {
	for _, n := range lengths {
		var e bytes.Buffer
		if err := msgpack.NewEncoder(&e).EncodeArrayLen(n); err != nil {
			t.Fatal(err)
		}
		b := api.AppendArrayHeader(nil, n)
		sameBytes(t, n, b, e.Bytes())
		d := api.NewDecoder(append(b, make([]byte, n)...))
		if got := d.Array(); got != n || d.Err() != nil {
			t.Errorf("Array of %d is %d, error %v", n, got, d.Err())
		}

		e.Reset()
		if err := msgpack.NewEncoder(&e).EncodeMapLen(n); err != nil {
			t.Fatal(err)
		}
		b = api.AppendMapHeader(nil, n)
		sameBytes(t, n, b, e.Bytes())
		d = api.NewDecoder(append(b, make([]byte, 2*n)...))
		if got := d.Map(); got != n || d.Err() != nil {
			t.Errorf("Map of %d is %d, error %v", n, got, d.Err())
		}
	}
}

func TestBoolAndNil(t *testing.T) {
	b := api.AppendNil(api.AppendBool(api.AppendBool(nil, true), false))
	sameBytes(t, "true, false, nil", b, slicesOf(t, true, false, nil))
	d := api.NewDecoder(b)
	if d.Nil() || !d.Bool() || d.Bool() || !d.Nil() || d.Nil() {
		t.Error("read something else than true, false, nil")
	}
	drained(t, "true, false, nil", &d)
	d = api.NewDecoder(b[2:])
	if got := d.Bytes(); got != nil || d.Err() != nil {
		t.Errorf("Bytes of nil is %v, error %v", got, d.Err())
	}
}

func slicesOf(t *testing.T, values ...any) []byte {
	t.Helper()
	var all []byte
	for _, v := range values {
		all = append(all, marshal(t, v)...)
	}
	return all
}

func TestSkipPassesOverEveryType(t *testing.T) {
	values := map[string][]byte{
		"nested": marshal(
			t, map[string]any{"a": []any{1, "x", nil, map[string]any{}}, "b": []byte("y"), "c": 1.5, "d": float32(2)}),
		"fixext":   {0xd4, 1, 9, 0xd5, 1, 9, 9, 0xd6, 1, 9, 9, 9, 9},
		"fixext16": append([]byte{0xd8, 1}, make([]byte, 16)...),
		"ext8":     {0xc7, 3, 1, 9, 9, 9},
		"ext16":    {0xc8, 0, 1, 1, 9},
		"ext32":    {0xc9, 0, 0, 0, 1, 1, 9},
		"array32":  {0xdd, 0, 0, 0, 1, 0xc0},
		"map32":    {0xdf, 0, 0, 0, 1, 0xc0, 0xc0},
		"empty":    {0x90, 0x80, 0xa0},
	}
	for name, b := range values {
		d := api.NewDecoder(b)
		for len(d.Rest()) > 0 {
			d.Skip()
		}
		drained(t, name, &d)
	}
}

func TestSkipRefusesDeepNesting(t *testing.T) {
	nested := func(depth int) []byte { return append(bytes.Repeat([]byte{0x91}, depth), 0xc0) }
	d := api.NewDecoder(nested(api.DepthMax))
	d.Skip()
	drained(t, "deepest", &d)
	d = api.NewDecoder(nested(api.DepthMax + 1))
	if d.Skip(); d.Err() == nil {
		t.Error("deeper than DepthMax is no error")
	}
}

// A length that promises more than there is must fail before anybody allocates for it.
func TestLengthsBeyondTheInput(t *testing.T) {
	for _, b := range [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0, 0, 0, 2, 0, 0, 0},
		{0xdb, 0xff, 0xff, 0xff, 0xff, 'x'}, {0xc6, 0xff, 0xff, 0xff, 0xff, 'x'}, {0xc9, 0xff, 0xff, 0xff, 0xff, 1},
		{0x9f, 0}, {0xbf}, {0xc4}, {0xd9}, {0xcf, 0}, {0xc1}, {},
	} {
		for name, read := range map[string]func(*api.Decoder){
			"Array": func(d *api.Decoder) { d.Array() }, "Map": func(d *api.Decoder) { d.Map() },
			"String": func(d *api.Decoder) { _ = d.String() }, "Bytes": func(d *api.Decoder) { d.Bytes() },
			"Uint": func(d *api.Decoder) { d.Uint() }, "Int": func(d *api.Decoder) { d.Int() },
			"Bool": func(d *api.Decoder) { d.Bool() }, "Skip": func(d *api.Decoder) { d.Skip() },
		} {
			d := api.NewDecoder(b)
			if read(&d); d.Err() == nil {
				t.Errorf("%s of % x is no error", name, b)
			}
		}
	}
}

func TestErrorStays(t *testing.T) {
	d := api.NewDecoder(api.AppendUint(api.AppendString(nil, "x"), 7))
	d.Bool()
	first := d.Err()
	if d.Uint() != 0 || d.String() != "" || d.Array() != 0 || d.Nil() || d.Rest() != nil {
		t.Error("values after an error")
	}
	if first == nil || d.Err() != first {
		t.Errorf("error %v became %v", first, d.Err())
	}
}

// FuzzDecoder checks that no input makes the decoder panic or read beyond it, and that it accepts what
// the reference implementation accepts.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x94, 4, 0xcd, 1, 0, 0xa4, 'e', 'c', 'h', 'o', 0})
	f.Add([]byte{0xdf, 0, 0, 0, 1, 0xd9, 1, 'k', 0xc7, 1, 2, 3})
	f.Add(bytes.Repeat([]byte{0x91}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := api.NewDecoder(b)
		d.Skip()
		rest := len(d.Rest())
		if err := d.Err(); err == nil {
			reference := bytes.NewReader(b)
			if err := msgpack.NewDecoder(reference).Skip(); err == nil && reference.Len() != rest {
				t.Errorf("skipped to %d bytes before the end, the reference implementation to %d", rest,
					reference.Len())
			}
		}
		for _, read := range []func(*api.Decoder){
			func(d *api.Decoder) { d.Array() }, func(d *api.Decoder) { d.Map() }, func(d *api.Decoder) {
				_ = d.String()
			},
			func(d *api.Decoder) { d.Bytes() }, func(d *api.Decoder) { d.Uint() }, func(d *api.Decoder) { d.Int() },
			func(d *api.Decoder) { d.Bool() }, func(d *api.Decoder) { d.Nil() },
		} {
			d := api.NewDecoder(b)
			for range 8 {
				read(&d)
			}
			if len(d.Rest()) > len(b) {
				t.Error("more is left than there was")
			}
		}
	})
}

// A count is what an int holds.
func TestCountFitsAnInt(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		fits bool
	}{{0, true}, {math.MaxInt, true}, {math.MaxInt + 1, false}, {math.MaxUint64, false}} {
		d := api.NewDecoder(api.AppendUint(nil, c.n))
		if got := d.Count(); (d.Err() == nil) != c.fits || c.fits && got != int(c.n) || !c.fits && got != 0 {
			t.Errorf("%d is read as %d, %v", c.n, got, d.Err())
		}
	}
}
