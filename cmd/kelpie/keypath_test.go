// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// TestKeyForms shows how keys are written, and that they are read back as what they were.
func TestKeyForms(t *testing.T) {
	for _, c := range []struct {
		path string
		key  tuple.Tuple
	}{
		{"", tuple.Tuple{}},
		{"meta", tuple.Tuple{"meta"}},
		{"claim/counter/a", tuple.Tuple{"claim", "counter", "a"}},
		{"state/counter/a/s/#0", tuple.Tuple{"state", "counter", "a", "s", 0}},
		{"claim/counter/a%2Fb", tuple.Tuple{"claim", "counter", "a/b"}},
		{"state/kv/x/k/100%25", tuple.Tuple{"state", "kv", "x", "k", "100%"}},
		{"state/kv/x/k/%23tag", tuple.Tuple{"state", "kv", "x", "k", "#tag"}},
		{"state/kv/x/k/a%00%C3%A9", tuple.Tuple{"state", "kv", "x", "k", "a\x00é"}},
		{"%5Ba]/[b", tuple.Tuple{"[a]", "[b"}},
		{"%30x41", tuple.Tuple{"0x41"}},
		{"a//", tuple.Tuple{"a", "", ""}},
		{"a/#-7/#18446744073709551616/#x00ff/#null/#true",
			tuple.Tuple{"a", -7, bigOf("18446744073709551616"), []byte{0, 0xff}, nil, true}},
	} {
		key := tuple.Pack(append(tuple.Tuple{clusterPrefix}, c.key...)...)
		if got := formatKey(key); got != c.path {
			t.Errorf("%v is written %q, want %q", c.key, got, c.path)
		}
		if got, err := parseKey(c.path); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%q is read as %x, want %x (%v)", c.path, got, key, err)
		}
	}
}

// TestKeyAsJSON shows that a JSON array is another way to write a key.
func TestKeyAsJSON(t *testing.T) {
	for text, key := range map[string]tuple.Tuple{
		`[]`:                        {},
		`["claim","counter","a/b"]`: {"claim", "counter", "a/b"},
		`["a", 1, -9223372036854775808, 18446744073709551615, true, null]`: {
			"a", 1, -9223372036854775808, uint64(18446744073709551615), true, nil},
	} {
		want := tuple.Pack(append(tuple.Tuple{clusterPrefix}, key...)...)
		if got, err := parseKey(text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is read as %x, want %x (%v)", text, got, want, err)
		}
	}
}

// TestKeyBytes shows that every key of the store can be written and read back, the cluster's or not.
func TestKeyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOf(rapid.Byte()).Draw(t, "key")
		if rapid.Bool().Draw(t, "of the cluster") {
			key = append(tuple.Pack(clusterPrefix), key...)
		}
		text := formatKey(key)
		if got, err := parseKey(text); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("%x is written %q and read as %x (%v)", key, text, got, err)
		}
	})
}

// TestKeyText is TestKeyBytes for keys of any text.
func TestKeyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := tuple.Tuple{clusterPrefix}
		for _, s := range rapid.SliceOf(rapid.StringMatching("[#%/\\[0x\\x00-\\x02a\\xff]{0,4}")).Draw(t, "key") {
			key = append(key, s)
		}
		packed := tuple.Pack(key...)
		text := formatKey(packed)
		if got, err := parseKey(text); err != nil || !bytes.Equal(got, packed) {
			t.Fatalf("%q is written %q and read as %x (%v)", key, text, got, err)
		}
	})
}

// TestKeyErrors shows that what is no key is a mistake in the command line.
func TestKeyErrors(t *testing.T) {
	for _, text := range []string{"a/%2", "a/%zz", "#x0", "#seven", "0xz", "[", "[1.5]", `[{"a":1}]`, `["a"] b`} {
		if _, err := parseKey(text); cli.ExitCodeOf(err) != cli.ExitUsage {
			t.Errorf("%q: %v, want a usage error", text, err)
		}
	}
}

// FuzzKeyPath formats any bytes as a key, which is the same key when it is parsed, and parses any text as one.
func FuzzKeyPath(f *testing.F) {
	for _, s := range []string{"", "claim/counter/a", "0x02ff", "0x0", `["a",1,null]`, "a/#7/#xff/#true", "%2f%", "#",
		"\x02kelpie\x00\x02meta\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := formatKey(b)
		if key, err := parseKey(path); err != nil || !bytes.Equal(key, b) {
			t.Fatalf("%x is %q, which is %x, %v", b, path, key, err)
		}
		if _, err := parseKey(string(b)); err != nil && api.CodeOf(err) != api.CodeInvalidArgument {
			t.Fatalf("%q: %v", b, err)
		}
	})
}
