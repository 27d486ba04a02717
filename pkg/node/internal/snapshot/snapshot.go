// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"hash/crc32"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Snapshot is what an activation takes along when it moves.
type Snapshot struct {
	// Seq is that of the last commit, which state belongs to.
	Seq registry.Seq
	// State is what an activation would read of the store: schedule, records and struct. Of a volatile actor it is all
	// there is, with space.
	State, KV []registry.Entry
	// Marks are how far a volatile actor is with the messages of others.
	Marks []registry.Entry
	// Payload is what the actor itself takes along; nil is nothing.
	Payload []byte
}

const (
	snapshotFormat = 1
	snapshotFields = 6
	// Those of later versions have the marks behind the others.
	markedFields = snapshotFields + 1
	// EntriesMax bounds the entries of a snapshot: each takes memory beside what it holds.
	EntriesMax = api.MoveBytesMax / 64
)

// Entries is how many a snapshot has.
func (p *Snapshot) Entries() int { return len(p.State) + len(p.KV) + len(p.Marks) }

// Encode returns the snapshot as it is sent.
func (p *Snapshot) Encode() []byte {
	size := 64 + len(p.Payload)
	for _, e := range p.State {
		size += len(e.Key) + len(e.Value) + 10
	}
	for _, e := range slices.Concat(p.KV, p.Marks) {
		size += len(e.Key) + len(e.Value) + 10
	}
	b := append(make([]byte, 0, size), snapshotFormat)
	b = api.AppendArrayHeader(b, markedFields+api.LaterFields)
	b = api.AppendUint(b, p.Seq.N)
	b = api.AppendBytes(b, p.Seq.Batch[:])
	b = appendEntries(b, p.State)
	b = appendEntries(b, p.KV)
	b = api.AppendBool(b, p.Payload != nil)
	b = api.AppendBytes(b, p.Payload)
	b = appendEntries(b, p.Marks)
	return api.AppendLater(b)
}

func appendEntries(b []byte, entries []registry.Entry) []byte {
	b = api.AppendArrayHeader(b, 2*len(entries))
	for _, e := range entries {
		b = api.AppendBytes(b, e.Key)
		b = api.AppendBytes(b, e.Value)
	}
	return b
}

// decode reads a snapshot back; it keeps nothing of b. Errors are CodeInvalidArgument.
func decode(b []byte) (*Snapshot, error) {
	malformed := api.Errorf(api.CodeInvalidArgument, "what was sent along with the actor can't be read")
	if len(b) == 0 || b[0] != snapshotFormat {
		return nil, malformed
	}
	d := api.NewDecoder(b[1:])
	p := new(Snapshot)
	fields := d.Array()
	p.Seq.N = d.Uint()
	batch := d.Bytes()
	left := EntriesMax
	p.State, p.KV = decodeEntries(&d, &left), decodeEntries(&d, &left)
	packed := d.Bool()
	if payload := d.Bytes(); packed {
		p.Payload = append([]byte{}, payload...)
	}
	if fields >= markedFields {
		p.Marks = decodeEntries(&d, &left)
	}
	if d.Err() != nil || left < 0 || fields < snapshotFields || len(batch) != len(p.Seq.Batch) {
		return nil, malformed
	}
	p.Seq.Batch = [16]byte(batch)
	return p, nil
}

// decodeEntries reads entries, of which left may still come; less than none is left after too many.
func decodeEntries(d *api.Decoder, left *int) []registry.Entry {
	n := d.Array() / 2
	if *left -= n; *left < 0 {
		return nil
	}
	var out []registry.Entry
	for range n {
		if d.Err() != nil {
			return nil
		}
		out = append(out, registry.Entry{Key: slices.Clone(d.Bytes()), Value: slices.Clone(d.Bytes())})
	}
	return out
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum is the CRC-32C of an encoded snapshot, which the pieces of a move carry.
func Sum(encoded []byte) uint32 { return crc32.Checksum(encoded, castagnoli) }
