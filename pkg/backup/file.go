// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// magic is the first line of a backup.
const magic = "KELPIE BACKUP 1\n"

const (
	// blockBytes is from which size on a block of data is written.
	blockBytes = 256 << 10
	// blockBytesMax is the size of the largest block that is read: one pair may exceed blockBytes.
	blockBytesMax = blockBytes + kv.KeyBytesMax + kv.ValueBytesMax + 64
)

// Kinds of blocks.
const (
	blockHeader  = 'h'
	blockData    = 'd'
	blockTrailer = 't'
)

// Consistency says of which moment a backup is.
type Consistency string

const (
	// Snapshot is all of one moment.
	Snapshot Consistency = "snapshot"
	// PerActor is each actor of one moment.
	PerActor Consistency = "per_actor"
)

// Header is what a backup is of.
type Header struct {
	ClusterID   string      `json:"cluster_id"`
	Schema      int         `json:"schema"`
	Consistency Consistency `json:"consistency"`
	// Made is the wall clock of who made it, when it began, RFC 3339.
	Made string `json:"made"`
	// Version is that of the program.
	Version string `json:"version"`
	// LeaseTTLMillis and HeartbeatMillis are the cluster's.
	LeaseTTLMillis  int64 `json:"lease_ttl_ms"`
	HeartbeatMillis int64 `json:"heartbeat_ms"`
}

// Trailer counts what there is between.
type Trailer struct {
	Keys  int64 `json:"keys"`
	Bytes int64 `json:"bytes"` // of keys and values
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writer writes a backup.
type writer struct {
	w       *bufio.Writer
	block   []byte
	trailer Trailer
}

func newWriter(to io.Writer, h Header) (*writer, error) {
	w := &writer{w: bufio.NewWriterSize(to, blockBytes)}
	if _, err := w.w.WriteString(magic); err != nil {
		return nil, err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	return w, w.put(append([]byte{blockHeader}, text...))
}

func (w *writer) put(block []byte) error {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(block)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(block, castagnoli))
	if _, err := w.w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.w.Write(block)
	return err
}

func (w *writer) pairs(pairs []kv.KeyValue) error {
	for _, p := range pairs {
		if len(w.block) == 0 {
			w.block = append(w.block, blockData)
		}
		w.block = binary.AppendUvarint(w.block, uint64(len(p.Key)))
		w.block = append(w.block, p.Key...)
		w.block = binary.AppendUvarint(w.block, uint64(len(p.Value)))
		w.block = append(w.block, p.Value...)
		w.trailer.Keys++
		w.trailer.Bytes += int64(len(p.Key) + len(p.Value))
		if len(w.block) >= blockBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	err := w.put(w.block)
	w.block = w.block[:0]
	return err
}

func (w *writer) end() error {
	if err := w.flush(); err != nil {
		return err
	}
	text, err := json.Marshal(w.trailer)
	if err != nil {
		return err
	}
	if err := w.put(append([]byte{blockTrailer}, text...)); err != nil {
		return err
	}
	return w.w.Flush()
}

// Reader reads a backup, and checks all that it reads.
type Reader struct {
	Header Header
	r      *bufio.Reader
	seen   Trailer
	ended  bool
}

// Open reads the header. Errors are CodeCorruptState if there is no backup, or one of a later version.
func Open(from io.Reader) (*Reader, error) {
	r := &Reader{r: bufio.NewReaderSize(from, blockBytes)}
	first := make([]byte, len(magic))
	if _, err := io.ReadFull(r.r, first); err != nil && !cutOff(err) {
		return nil, err
	}
	if string(first) != magic {
		return nil, api.Errorf(api.CodeCorruptState, "not a backup of this version of kelpie: it does not begin "+
			"with %q", magic[:len(magic)-1])
	}
	block, err := r.next()
	if err != nil {
		return nil, err
	}
	if block[0] != blockHeader || json.Unmarshal(block[1:], &r.Header) != nil {
		return nil, api.Errorf(api.CodeCorruptState, "the backup has no header")
	}
	return r, nil
}

func cutOff(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// next reads a block, which is not empty.
func (r *Reader) next() ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, r.broken(err)
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size == 0 || size > blockBytesMax {
		return nil, r.errCorrupt()
	}
	block := make([]byte, size)
	if _, err := io.ReadFull(r.r, block); err != nil {
		return nil, r.broken(err)
	}
	if crc32.Checksum(block, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, r.errCorrupt()
	}
	return block, nil
}

func (r *Reader) broken(err error) error {
	if cutOff(err) {
		return api.Errorf(api.CodeCorruptState, "the backup is truncated: it ends after %d keys", r.seen.Keys)
	}
	return err
}

func (r *Reader) errCorrupt() error {
	return api.Errorf(api.CodeCorruptState, "the backup is damaged: the block after its first %d keys fails its "+
		"checksum",
		r.seen.Keys)
}

// Pairs returns the next pairs, nil after the last. Errors are CodeCorruptState, or those of the file.
func (r *Reader) Pairs() ([]kv.KeyValue, error) {
	if r.ended {
		return nil, nil
	}
	block, err := r.next()
	if err != nil {
		return nil, err
	}
	switch block[0] {
	case blockData:
		pairs, ok := split(block[1:])
		if !ok {
			return nil, r.errCorrupt()
		}
		for _, p := range pairs {
			r.seen.Keys++
			r.seen.Bytes += int64(len(p.Key) + len(p.Value))
		}
		return pairs, nil
	case blockTrailer:
		var t Trailer
		if json.Unmarshal(block[1:], &t) != nil || t != r.seen {
			return nil, api.Errorf(api.CodeCorruptState, "the backup is damaged: it has %d keys, and should have %d",
				r.seen.Keys, t.Keys)
		}
		if _, err := r.r.ReadByte(); err != io.EOF {
			return nil, api.Errorf(api.CodeCorruptState, "the backup is damaged: data follows its end")
		}
		r.ended = true
		return nil, nil
	}
	return nil, r.errCorrupt()
}

// split takes a block of data apart.
func split(b []byte) (pairs []kv.KeyValue, ok bool) {
	part := func() ([]byte, bool) {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, false
		}
		out := b[n : n+int(size) : n+int(size)]
		b = b[n+int(size):]
		return out, true
	}
	for len(b) > 0 {
		key, ok1 := part()
		value, ok2 := part()
		if !ok1 || !ok2 {
			return nil, false
		}
		pairs = append(pairs, kv.KeyValue{Key: key, Value: value})
	}
	return pairs, len(pairs) > 0
}

// Seen is what has been read so far.
func (r *Reader) Seen() Trailer { return r.seen }

// Ended reports whether all was read, and was as it should be.
func (r *Reader) Ended() bool { return r.ended }
