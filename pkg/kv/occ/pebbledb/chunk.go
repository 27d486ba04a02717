// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"encoding/binary"
	"hash/crc32"
	"iter"
	"math/bits"
)

// The records of Pebble's logs and manifests are in chunks, which do not cross the bounds of blocks. Each has a header: checksum, length
// and type, of which the lowest is that of its format; in a log also the log's number and an offset. See Pebble's package record.
const blockBytes = 32 << 10

// Kinds of chunks: all of a record, or its first, a further, or the last one.
const (
	chunkFull = 1 + iota
	chunkFirst
	chunkMiddle
	chunkLast
)

// chunkFormat is how chunks look in a file.
type chunkFormat struct {
	header int
	// types is how much greater the types are than the kinds.
	types byte
	// number is that of a log, whose file may have been another's.
	number uint32
}

var manifestFormat = chunkFormat{header: 7}

func logFormat(number uint32) chunkFormat {
	return chunkFormat{header: 19, types: 8, number: number}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunk is a valid one.
type chunk struct {
	kind  byte
	bytes int // with the header
}

// at returns the chunk at an offset, false if there is no valid one.
func (f chunkFormat) at(data []byte, at int) (c chunk, ok bool) {
	if at+f.header > len(data) {
		return c, false
	}
	c.kind = data[at+6] - f.types
	c.bytes = f.header + int(binary.LittleEndian.Uint16(data[at+4:]))
	if c.kind < chunkFull || c.kind > chunkLast || c.bytes > blockBytes-at%blockBytes || at+c.bytes > len(data) {
		return c, false
	}
	if f.types != 0 && binary.LittleEndian.Uint32(data[at+7:]) != f.number {
		return c, false
	}
	sum := bits.RotateLeft32(crc32.Checksum(data[at+6:at+c.bytes], castagnoli), -15) + 0xa282ead8 // as LevelDB masks it
	return c, sum == binary.LittleEndian.Uint32(data[at:])
}

// end returns where the first bytes are that are no chunk.
func (f chunkFormat) end(data []byte) int {
	at := 0
	for at < len(data) {
		if left := blockBytes - at%blockBytes; left < f.header {
			at += left
			continue
		}
		c, ok := f.at(data, at)
		if !ok {
			break
		}
		at += c.bytes
	}
	return min(at, len(data))
}

// after returns the chunks behind an offset, wherever they begin.
func (f chunkFormat) after(data []byte, at int) iter.Seq2[int, chunk] {
	return func(yield func(int, chunk) bool) {
		for at++; at < len(data); at++ {
			c, ok := f.at(data, at)
			if !ok {
				continue
			}
			if !yield(at, c) {
				return
			}
			at += c.bytes - 1
		}
	}
}

// damagedAt returns where a record is that fails its checksum with another record after it. A record is begun when the one before it
// has been synced, so no loss of power does that.
func (f chunkFormat) damagedAt(data []byte) (int, bool) {
	end := f.end(data)
	for _, c := range f.after(data, end) {
		if c.kind == chunkFull || c.kind == chunkFirst {
			return end, true
		}
	}
	return 0, false
}
