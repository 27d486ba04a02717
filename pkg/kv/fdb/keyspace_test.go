// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// TestKeySpace shows that a prefix is put on and taken off, and that what lies outside is clamped.
func TestKeySpace(t *testing.T) {
	for _, prefix := range []string{"", "p/", "\x00"} {
		s := keySpace{prefix}
		for _, key := range []string{"", "k", "\xfe\xff"} {
			packed := s.pack([]byte(key))
			if string(packed) != prefix+key || string(s.unpack(packed)) != key || string(s.clamp(packed)) != key {
				t.Errorf("prefix %q: key %q became %q", prefix, key, packed)
			}
		}
		if got := s.clamp([]byte(prefix + "\xff")); string(got) != "\xff" {
			t.Errorf("prefix %q: the end is clamped to %q", prefix, got)
		}
	}
	s := keySpace{"p/"}
	for key, want := range map[string]string{"": "", "o": "", "p": "", "p/\xff\x01": "\xff", "q": "\xff",
		"\xff": "\xff"} {
		if got := s.clamp([]byte(key)); got == nil || string(got) != want {
			t.Errorf("%q is clamped to %q, want %q", key, got, want)
		}
	}
}

// TestPackStamped shows that a versionstamp stays where it is in the key, behind the prefix.
func TestPackStamped(t *testing.T) {
	template := binary.LittleEndian.AppendUint32([]byte("k/0123456789/x"), 2)
	given := bytes.Clone(template)
	packed := keySpace{"pre/"}.packStamped(template)
	offset := binary.LittleEndian.Uint32(packed[len(packed)-4:])
	if offset != 6 || string(packed[:len(packed)-4]) != "pre/k/0123456789/x" {
		t.Errorf("the template became %q", packed)
	}
	if !bytes.Equal(template, given) {
		t.Error("the caller's template was changed")
	}
	if got := (keySpace{}).packStamped(template); !bytes.Equal(got, given) {
		t.Errorf("without a prefix the template became %q", got)
	}
}

// TestChecks shows what is refused before FoundationDB sees it.
func TestChecks(t *testing.T) {
	s := keySpace{"pre/"}
	longest := make([]byte, kv.KeyBytesMax-len("pre/"))
	stamped := func(n int, offset uint32) []byte { return binary.LittleEndian.AppendUint32(make([]byte, n), offset) }
	for name, c := range map[string]struct{ got, want error }{
		"longest key":        {s.checkPair(longest, nil), nil},
		"longer key":         {s.checkPair(append(longest, 0), nil), kv.ErrKeyTooLarge},
		"longest value":      {s.checkPair(nil, make([]byte, kv.ValueBytesMax)), nil},
		"longer value":       {s.checkPair(nil, make([]byte, kv.ValueBytesMax+1)), kv.ErrValueTooLarge},
		"write of the end":   {s.checkPair([]byte("\xff"), nil), kv.ErrOutOfRange},
		"read of the end":    {kv.CheckKey([]byte("\xff")), kv.ErrOutOfRange},
		"read of the last":   {kv.CheckKey([]byte("\xfe\xff")), nil},
		"range to the end":   {kv.CheckEnd([]byte("\xff")), nil},
		"range beyond":       {kv.CheckEnd([]byte("\xff\x00")), kv.ErrOutOfRange},
		"empty range":        {kv.CheckOrder([]byte("a"), []byte("a")), nil},
		"inverted range":     {kv.CheckOrder([]byte("b"), []byte("a")), kv.ErrInvalidRange},
		"stamp that fits":    {kv.CheckStamp(stamped(12, 2)), nil},
		"stamp beyond":       {kv.CheckStamp(stamped(12, 3)), kv.ErrInvalidOperation},
		"stamp far beyond":   {kv.CheckStamp(stamped(12, 1<<32-1)), kv.ErrInvalidOperation},
		"no room for stamps": {kv.CheckStamp(stamped(9, 0)), kv.ErrInvalidOperation},
		"no offset":          {kv.CheckStamp([]byte("abc")), kv.ErrInvalidOperation},
	} {
		if c.want == nil && c.got != nil || !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}
