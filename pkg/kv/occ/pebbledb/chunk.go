// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"iter"
	"math/bits"
)

// The records of Pebble's logs and manifests are in chunks, which do not cross the bounds of blocks. Each has a
// header: checksum, length and type, of which the lowest is that of its format; in a log also the log's number and an
// offset. See Pebble's package record.
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
	// headers are the sizes of the headers that there may be, by how much greater the types are than the kinds: of
	// logs those of two formats, as Pebble opens the first log of a new store before it decides on the format of the
	// store.
	headers map[byte]int
	// number is that of a log, whose file may have been another's; 0 of a manifest.
	number uint32
}

// Sizes of headers in logs.
const (
	recyclableHeader = 11
	syncHeader       = 19
)

var manifestFormat = chunkFormat{headers: map[byte]int{0: 7}}

var logHeaders = map[byte]int{4: recyclableHeader, 8: syncHeader}

func logFormat(number uint32) chunkFormat {
	return chunkFormat{headers: logHeaders, number: number}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunk is a valid one.
type chunk struct {
	kind   byte
	header int
	bytes  int // with the header
}

// headerBytesMin is the size of the smallest header.
const headerBytesMin = 7

// at returns the chunk at an offset, false if there is no valid one.
func (f chunkFormat) at(data []byte, at int) (c chunk, ok bool) {
	if at+headerBytesMin > len(data) || data[at+6] == 0 {
		return c, false
	}
	types := (data[at+6] - 1) / chunkLast * chunkLast
	c.header = f.headers[types]
	if c.header == 0 || at+c.header > len(data) {
		return c, false
	}
	c.kind = data[at+6] - types
	c.bytes = c.header + int(binary.LittleEndian.Uint16(data[at+4:]))
	if c.bytes > blockBytes-at%blockBytes || at+c.bytes > len(data) {
		return c, false
	}
	if f.number != 0 && binary.LittleEndian.Uint32(data[at+7:]) != f.number {
		return c, false
	}
	sum := bits.RotateLeft32(crc32.Checksum(data[at+6:at+c.bytes], castagnoli), -15) + 0xa282ead8 // as LevelDB masks it
	return c, sum == binary.LittleEndian.Uint32(data[at:])
}

// end returns where the first bytes are that are no chunk.
func (f chunkFormat) end(data []byte) int {
	at, header := 0, headerBytesMin
	for at < len(data) {
		if left := blockBytes - at%blockBytes; left < header {
			at += left
			continue
		}
		c, ok := f.at(data, at)
		if !ok {
			break
		}
		at, header = at+c.bytes, c.header
	}
	return min(at, len(data))
}

// wholeUntil is end with what Pebble writes at the end of a log that it closes: the header of a chunk of the next log.
func (f chunkFormat) wholeUntil(data []byte) int {
	end := f.end(data)
	if f.number == 0 || end+recyclableHeader > len(data) {
		return end
	}
	trailer := make([]byte, recyclableHeader)
	trailer[6] = 4 + chunkFull
	binary.LittleEndian.PutUint32(trailer[7:], f.number+1)
	if bytes.Equal(data[end:end+recyclableHeader], trailer) {
		end += recyclableHeader
	}
	return end
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

// damagedAt returns where a record is that fails its checksum with another record after it. A record is begun when
// the one before it has been synced, so no loss of power does that.
func (f chunkFormat) damagedAt(data []byte) (int, bool) {
	end := f.end(data)
	for _, c := range f.after(data, end) {
		if c.kind == chunkFull || c.kind == chunkFirst {
			return end, true
		}
	}
	return 0, false
}
