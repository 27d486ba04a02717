// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tuple_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"os"
	"strconv"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// goldenElement is an element as the vectors describe it.
type goldenElement struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
	Items []goldenElement `json:"items"`
}

// TestGolden packs and unpacks what FoundationDB's official Go binding packed.
func TestGolden(t *testing.T) {
	f, err := os.Open("testdata/tuples.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(unzipped)
	n := 0
	for ; ; n++ {
		var vector struct {
			Packed string          `json:"packed"`
			Tuple  []goldenElement `json:"tuple"`
		}
		if err := decoder.Decode(&vector); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		checkVector(t, n, unhex(t, vector.Packed), elements(t, vector.Tuple))
	}
	if n != 2000 {
		t.Errorf("%d vectors, want 2000", n)
	}
}

func checkVector(t *testing.T, n int, packed []byte, want tuple.Tuple) {
	if got := tuple.Pack(want...); !bytes.Equal(got, packed) {
		t.Errorf("vector %d: %v packed as %x, want %x", n, want, got, packed)
	}
	got, err := tuple.Unpack(packed)
	if err != nil {
		t.Errorf("vector %d: %v", n, err)
	} else if !same(got, want) {
		t.Errorf("vector %d: unpacked as %#v, want %#v", n, got, want)
	}
}

func elements(t *testing.T, items []goldenElement) tuple.Tuple {
	out := tuple.Tuple{}
	for _, item := range items {
		out = append(out, item.decode(t))
	}
	return out
}

func (e goldenElement) decode(t *testing.T) any {
	var text string
	if len(e.Value) > 0 && e.Value[0] == '"' {
		if err := json.Unmarshal(e.Value, &text); err != nil {
			t.Fatal(err)
		}
	}
	switch e.Type {
	case "nil":
		return nil
	case "bytes":
		return unhex(t, text)
	case "string":
		return string(unhex(t, text))
	case "int", "uint":
		if v, err := strconv.ParseInt(string(e.Value), 10, 64); err == nil {
			return v
		}
		v, err := strconv.ParseUint(string(e.Value), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	case "bigint":
		return bigOf(text)
	case "float":
		return math.Float32frombits(uint32(bitsOf(t, text)))
	case "double":
		return math.Float64frombits(bitsOf(t, text))
	case "bool":
		return string(e.Value) == "true"
	case "uuid":
		return tuple.UUID(unhex(t, text))
	case "tuple":
		return elements(t, e.Items)
	}
	t.Fatalf("unknown type %q", e.Type)
	return nil
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bitsOf(t *testing.T, s string) uint64 {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// same compares types and values; numbers of floating point by their bits,
// whole ones by value when one side is big.
func same(a, b any) bool {
	switch a := a.(type) {
	case tuple.Tuple:
		b, ok := b.(tuple.Tuple)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case float32:
		b, ok := b.(float32)
		return ok && math.Float32bits(a) == math.Float32bits(b)
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case int64, uint64, *big.Int:
		return bigFrom(a).Cmp(bigFrom(b)) == 0
	}
	return a == b
}

func bigFrom(v any) *big.Int {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v)
	case uint64:
		return new(big.Int).SetUint64(v)
	case *big.Int:
		return v
	}
	return big.NewInt(0).Lsh(big.NewInt(1), 4096)
}
