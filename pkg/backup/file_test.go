// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// made is a file of n pairs.
func made(t *testing.T, n int) (file []byte, pairs []kv.KeyValue) {
	t.Helper()
	var b bytes.Buffer
	w, err := newWriter(&b, Header{ClusterID: "c", Schema: 3, Consistency: Snapshot})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		value := make([]byte, random.IntN(2000))
		for j := range value {
			value[j] = byte(random.Uint32())
		}
		pairs = append(pairs, kv.KeyValue{Key: fmt.Appendf(nil, "key-%d", i), Value: value})
	}
	if err := w.pairs(pairs); err != nil {
		t.Fatal(err)
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), pairs
}

func readAll(file []byte) (pairs []kv.KeyValue, err error) {
	r, err := Open(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	for {
		page, err := r.Pairs()
		if err != nil || page == nil {
			return pairs, err
		}
		pairs = append(pairs, page...)
	}
}

func same(a, b []kv.KeyValue) bool {
	return slices.EqualFunc(a, b, func(a, b kv.KeyValue) bool {
		return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
	})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		file, want := made(t, n)
		if got, err := readAll(file); err != nil || !same(got, want) {
			t.Errorf("%d pairs became %d: %v", n, len(got), err)
		}
	}
}

// TestDamageIsFound changes, cuts off and adds bytes everywhere.
func TestDamageIsFound(t *testing.T) {
	file, _ := made(t, 400)
	random := rand.New(rand.NewPCG(3, 4))
	refused := func(what string, file []byte) {
		t.Helper()
		if _, err := readAll(file); api.CodeOf(err) != api.CodeCorruptState {
			t.Fatalf("%s: %v", what, err)
		}
	}
	places := []int{0, 5, len(magic), len(magic) + 4, len(magic) + 8, len(magic) + 9, len(file) - 1, len(file) - 5}
	for range 300 {
		places = append(places, random.IntN(len(file)))
	}
	for _, at := range places {
		flipped := bytes.Clone(file)
		flipped[at] ^= 1 << random.IntN(8)
		refused(fmt.Sprintf("a bit at %d", at), flipped)
		refused(fmt.Sprintf("cut off at %d", at), file[:at])
	}
	refused("with more behind it", append(bytes.Clone(file), 0))
	refused("of another kind", []byte("SQLite format 3"))
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	w, err := newWriter(&b, Header{ClusterID: "c"})
	if err != nil {
		f.Fatal(err)
	}
	if err := w.end(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := readAll(b); err != nil && api.CodeOf(err) != api.CodeCorruptState {
			t.Fatal(err)
		}
	})
}
