// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

var (
	genBytes    = rapid.SliceOfN(rapid.Byte(), 0, 20)
	genOptional = rapid.OneOf(rapid.Just([]byte(nil)), genBytes)
	genVersion  = rapid.Map(rapid.Int64(), func(v int64) kv.Version { return kv.Version(v) })
	genRanges   = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ryw.KeyRange {
		return ryw.KeyRange{Begin: genBytes.Draw(t, "begin"), End: genBytes.Draw(t, "end")}
	}), 0, 20)
	genMutations = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ryw.Mutation {
		m := ryw.Mutation{Kind: ryw.MutationKind(rapid.IntRange(0, 2).Draw(t, "kind")), Key: genBytes.Draw(t, "key"),
			Value: genBytes.Draw(t, "value")}
		if m.Kind == ryw.MutationAtomic {
			m.Op = kv.AtomicOp(rapid.IntRange(0, 20).Draw(t, "op"))
		}
		return m
	}), 0, 20)
)

func same(t *rapid.T, got, want any, err error) {
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded %+v, %v; want %+v", got, err, want)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		getAll := getAllRequest{version: genVersion.Draw(t, "version"),
			keys: rapid.SliceOfN(genBytes, 0, 20).Draw(t, "keys")}
		gotGetAll, err := decodeGetAllRequest(getAll.encode())
		same(t, gotGetAll, getAll, err)

		values := rapid.SliceOfN(genOptional, 0, 20).Draw(t, "values")
		gotValues, err := decodeValues(appendBinaries(nil, values), len(values))
		same(t, gotValues, values, err)

		scan := rangeRequest{version: getAll.version, begin: genBytes.Draw(t, "begin"), end: genBytes.Draw(t, "end"),
			opt: kv.RangeOptions{
				Limit: rapid.IntRange(0, 1<<20).Draw(t, "limit"), BytesMax: rapid.IntRange(0, 1<<30).Draw(t, "bytes"),
				Reverse: rapid.Bool().Draw(t, "reverse"),
			}}
		gotScan, err := decodeRangeRequest(scan.encode())
		same(t, gotScan, scan, err)

		watch := watchRequest{key: scan.begin, value: genOptional.Draw(t, "value"), version: getAll.version}
		gotWatch, err := decodeWatchRequest(watch.encode())
		same(t, gotWatch, watch, err)

		c := &ryw.Commit{
			Priority: kv.Priority(rapid.IntRange(0, 1).Draw(t, "priority")), ReadVersion: getAll.version,
			ReadConflicts: genRanges.Draw(t, "reads"), WriteConflicts: genRanges.Draw(t, "writes"),
			Mutations: genMutations.Draw(t, "mutations"),
		}
		encoded := encodeCommit(c)
		gotCommit, err := decodeCommit(encoded)
		same(t, gotCommit, c, err)
		if size := commitSize(c); len(encoded) > size {
			t.Fatalf("encoded in %d bytes, room for %d", len(encoded), size)
		}

		committed := ryw.Committed{Version: getAll.version, Order: rapid.Uint16().Draw(t, "order")}
		gotCommitted, err := decodeCommitted(encodeCommitted(committed))
		same(t, gotCommitted, committed, err)
	})
}

func TestPageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := page{pairs: []kv.KeyValue{}}
		for range rapid.IntRange(0, 20).Draw(t, "pairs") {
			want.pairs = append(want.pairs, kv.KeyValue{Key: genBytes.Draw(t, "key"), Value: genBytes.Draw(t, "value")})
		}
		want.more = len(want.pairs) > 0 && rapid.Bool().Draw(t, "more")
		got, err := decodePage(want.encode(nil))
		same(t, got, want, err)
	})
}

func TestErrorsCrossTheWire(t *testing.T) {
	for _, want := range []*kv.Error{
		kv.ErrConflict, kv.ErrTooOld, kv.ErrFutureVersion, kv.ErrCommitUnknown, kv.ErrUnavailable, kv.ErrCorrupt,
		kv.ErrTxTooLarge, {Code: 4711, Message: "later version's"},
	} {
		for _, sent := range []error{want, want.With(errors.New("disk on fire"))} {
			got := fromWire(toWire(sent))
			if !errors.Is(got, want) || got.Error() != sent.Error() {
				t.Errorf("sent %v, received %v", sent, got)
			}
		}
	}
}

func TestCheckCommit(t *testing.T) {
	set := func(key, value string) *ryw.Commit {
		return &ryw.Commit{Mutations: []ryw.Mutation{{Kind: ryw.MutationSet, Key: []byte(key), Value: []byte(value)}}}
	}
	atomic := func(op kv.AtomicOp, key, param string) *ryw.Commit {
		return &ryw.Commit{
			Mutations: []ryw.Mutation{{Kind: ryw.MutationAtomic, Op: op, Key: []byte(key), Value: []byte(param)}}}
	}
	ranges := func(begin, end string) []ryw.KeyRange {
		return []ryw.KeyRange{{Begin: []byte(begin), End: []byte(end)}}
	}
	const stamp = "0123456789"
	for name, c := range map[string]struct {
		commit *ryw.Commit
		ok     bool
	}{
		"set": {set("k", "v"), true},
		"longest": {set(strings.Repeat("k", kv.KeyBytesMax), strings.Repeat("v", kv.ValueBytesMax)),
			true},
		"longer key":              {set(strings.Repeat("k", kv.KeyBytesMax+1), ""), false},
		"longer value":            {set("k", strings.Repeat("v", kv.ValueBytesMax+1)), false},
		"key outside":             {set("\xff", ""), false},
		"add":                     {atomic(kv.AtomicAdd, "k", "1"), true},
		"unknown operation":       {atomic(3, "k", "1"), false},
		"unknown kind":            {&ryw.Commit{Mutations: []ryw.Mutation{{Kind: 9}}}, false},
		"stamped value":           {atomic(kv.AtomicSetVersionstampedValue, "k", stamp+"\x00\x00\x00\x00"), true},
		"stamp beyond the value":  {atomic(kv.AtomicSetVersionstampedValue, "k", stamp+"\x01\x00\x00\x00"), false},
		"stamp far beyond":        {atomic(kv.AtomicSetVersionstampedValue, "k", stamp+"\xff\xff\xff\xff"), false},
		"stamped value too short": {atomic(kv.AtomicSetVersionstampedValue, "k", "abc"), false},
		"stamped key":             {atomic(kv.AtomicSetVersionstampedKey, "k"+stamp+"\x01\x00\x00\x00", "v"), true},
		"stamp beyond the key":    {atomic(kv.AtomicSetVersionstampedKey, "k"+stamp+"\x02\x00\x00\x00", "v"), false},
		"clear range": {
			&ryw.Commit{
				Mutations: []ryw.Mutation{{Kind: ryw.MutationClearRange, Key: []byte("a"), Value: []byte("\xff")}}},
			true},
		"clear inverted range": {
			&ryw.Commit{
				Mutations: []ryw.Mutation{{Kind: ryw.MutationClearRange, Key: []byte("b"), Value: []byte("a")}}},
			false},
		"conflicts": {
			&ryw.Commit{ReadVersion: 1, ReadConflicts: ranges("a", "b"), WriteConflicts: ranges("a", "\xff")}, true},
		"conflict without version": {&ryw.Commit{ReadConflicts: ranges("a", "b")}, false},
		"inverted conflict":        {&ryw.Commit{ReadVersion: 1, ReadConflicts: ranges("b", "a")}, false},
		"conflict outside":         {&ryw.Commit{WriteConflicts: ranges("b", "\xff\x00")}, false},
		"unknown priority":         {&ryw.Commit{Priority: 2}, false},
		"negative version":         {&ryw.Commit{ReadVersion: -1}, false},
	} {
		if err := checkCommit(c.commit); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encodeCommit(sampleCommit()))
	f.Add(getAllRequest{version: 1, keys: [][]byte{{1}, {}}}.encode())
	f.Add(rangeRequest{version: 1, begin: []byte("a"), end: []byte("b")}.encode())
	f.Add(page{pairs: []kv.KeyValue{{Key: []byte("a")}}}.encode(nil))
	f.Add(watchRequest{key: []byte("a")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeCommit(b); err == nil {
			encoded := encodeCommit(c)
			if again, err := decodeCommit(encoded); err != nil || !bytes.Equal(encodeCommit(again), encoded) {
				t.Errorf("%x decoded as %+v, which gave %+v, %v", b, c, again, err)
			}
			_ = checkCommit(c)
		}
		for _, decode := range []func() error{
			func() error { _, err := decodeGetAllRequest(b); return err },
			func() error { _, err := decodeRangeRequest(b); return err },
			func() error { _, err := decodeWatchRequest(b); return err },
			func() error { _, err := decodePage(b); return err },
			func() error { _, err := decodeValues(b, 2); return err },
			func() error { _, err := decodeNumber(b); return err },
			func() error { _, _, err := cutNumber(b); return err },
			func() error { _, err := decodeCommitted(b); return err },
		} {
			if err := decode(); err != nil && err.Error() == "" {
				t.Errorf("%x: an error without a message", b)
			}
		}
	})
}

// sampleCommit is what a batch of an actor's calls sends.
func sampleCommit() *ryw.Commit {
	point := func(key string) ryw.KeyRange { return ryw.KeyRange{Begin: []byte(key), End: []byte(key + "\x00")} }
	c := &ryw.Commit{ReadVersion: 123456789}
	for _, key := range []string{"kelpie/claim/cart/alice", "kelpie/call/cart/alice/seq"} {
		c.ReadConflicts = append(c.ReadConflicts, point(key))
	}
	for _, key := range []string{"kelpie/call/cart/alice/seq", "kelpie/state/cart/alice/0"} {
		c.WriteConflicts = append(c.WriteConflicts, point(key))
		c.Mutations = append(c.Mutations,
			ryw.Mutation{Kind: ryw.MutationSet, Key: []byte(key), Value: make([]byte, 100)})
	}
	return c
}

func BenchmarkCommitCodec(b *testing.B) {
	c := sampleCommit()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeCommit(encodeCommit(c)); err != nil {
			b.Fatal(err)
		}
	}
}
