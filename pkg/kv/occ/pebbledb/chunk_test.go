// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sealed is a chunk of a log with a valid checksum.
func sealed(kind byte, number uint32, payload string) []byte {
	chunk := make([]byte, recyclableHeader, recyclableHeader+len(payload))
	binary.LittleEndian.PutUint16(chunk[4:], uint16(len(payload)))
	chunk[6] = 4 + kind
	binary.LittleEndian.PutUint32(chunk[7:], number)
	chunk = append(chunk, payload...)
	sum := bits.RotateLeft32(crc32.Checksum(chunk[6:], castagnoli), -15) + 0xa282ead8
	binary.LittleEndian.PutUint32(chunk, sum)
	return chunk
}

// FuzzChunks reads any bytes as a log and as a manifest: the end of what is whole is within them, and damage is told
// where it ends.
func FuzzChunks(f *testing.F) {
	whole := append(sealed(chunkFull, 7, "one"), sealed(chunkFull, 7, "two")...)
	for _, seed := range [][]byte{nil, whole, whole[:len(whole)-1], append(bytes.Clone(whole[3:]), whole...),
		make([]byte, blockBytes+3)} {
		f.Add(seed, uint32(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, number uint32) {
		for _, format := range []chunkFormat{manifestFormat, logFormat(number)} {
			end := format.end(data)
			whole := format.wholeUntil(data)
			if end < 0 || end > len(data) || whole < end || whole > len(data) {
				t.Fatalf("of %d bytes, chunks end at %d, and the file at %d", len(data), end, whole)
			}
			if at, damaged := format.damagedAt(data); damaged && at != end {
				t.Fatalf("damaged at %d, and whole up to %d", at, end)
			}
		}
	})
}

// FuzzAccount reads any bytes as the account of files, and as the length of the newest log. What is taken is what would
// be written.
func FuzzAccount(f *testing.F) {
	f.Add([]byte(encodeAccount(map[string]extent{"000001.log": {length: 3}, "MANIFEST-000002": {length: 9, sum: 7}})))
	f.Add([]byte(accountHead))
	f.Add(encodeTail("000001.log", 77))
	f.Add(bytes.TrimRight(encodeTail("000001.log", 77), "\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if files, ok := parseAccount(data); ok && encodeAccount(files) != string(data) {
			t.Fatalf("%q is taken for %v", data, files)
		}
		mem := vfs.NewMem()
		if err := mem.MkdirAll("d", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := writeDurably(mem, "d/"+tailName, string(data)); err != nil {
			t.Fatal(err)
		}
		if name, length, ok := newAccount(mem, "d").readTail(); ok && !bytes.HasPrefix(data, encodeTail(name, length)) {
			t.Fatalf("%q is taken for %d bytes of %q", data, length, name)
		}
	})
}
