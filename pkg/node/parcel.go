// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// parcel is what an activation takes along when it moves.
type parcel struct {
	// seq is that of the last commit, which state belongs to.
	seq registry.Seq
	// state is what an activation would read of the store: agenda, records and struct. Of a volatile actor it is all
	// there is, with space.
	state, space []registry.Entry
	// marks are how far a volatile actor is with the messages of others.
	marks []registry.Entry
	// luggage is what the actor itself takes along; nil is nothing.
	luggage []byte
}

const (
	parcelFormat = 1
	parcelFields = 6
	// Those of later versions have the marks behind the others.
	markedFields = parcelFields + 1
	// parcelEntriesMax bounds the entries of a parcel: each takes memory beside what it holds.
	parcelEntriesMax = api.MoveBytesMax / 64
)

// pack makes a parcel of what the activation has committed. Nothing must be left of a batch.
func (a *activation) pack() *parcel {
	p := &parcel{seq: a.claim.Seq(), state: slices.Concat(a.agenda.entries(), a.ledger.entries(), a.memory.entries())}
	if a.memory.rewrite && !a.spec.Volatile { // the store has it in another form, which the next change must know
		p.seq, p.state = registry.Seq{N: math.MaxUint64}, nil
	}
	if a.spec.Volatile {
		for _, key := range sortedKeys(a.space.held) {
			p.space = append(p.space, registry.Entry{Key: []byte(key), Value: a.space.held[key]})
		}
		if a.agenda != nil {
			p.marks = a.agenda.inbox.entries()
		}
	}
	return p
}

// entries are the chunks of the state as the store has them.
func (m *memory) entries() []registry.Entry {
	if m.chunks == 0 {
		return nil
	}
	var out []registry.Entry
	for i, c := range m.split(m.committed) {
		out = append(out, registry.Entry{Key: chunkKey(i), Value: c})
	}
	return out
}

// entries are the records as the store has them.
func (l *ledger) entries() []registry.Entry {
	var out []registry.Entry
	if l.floor > 0 {
		out = append(out, registry.Entry{Key: recordPart, Value: binary.BigEndian.AppendUint64(nil, l.floor)})
	}
	for _, r := range l.records {
		out = append(out, registry.Entry{Key: recordKey(&r.key), Value: r.encode()})
	}
	return out
}

// entries is how many a parcel has.
func (p *parcel) entries() int { return len(p.state) + len(p.space) + len(p.marks) }

func (p *parcel) encode() []byte {
	size := 64 + len(p.luggage)
	for _, e := range p.state {
		size += len(e.Key) + len(e.Value) + 10
	}
	for _, e := range slices.Concat(p.space, p.marks) {
		size += len(e.Key) + len(e.Value) + 10
	}
	b := append(make([]byte, 0, size), parcelFormat)
	b = api.AppendArrayHeader(b, markedFields+api.LaterFields)
	b = api.AppendUint(b, p.seq.N)
	b = api.AppendBytes(b, p.seq.Batch[:])
	b = appendEntries(b, p.state)
	b = appendEntries(b, p.space)
	b = api.AppendBool(b, p.luggage != nil)
	b = api.AppendBytes(b, p.luggage)
	b = appendEntries(b, p.marks)
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

// decodeParcel reads a parcel back; it keeps nothing of b. Errors are CodeInvalidArgument.
func decodeParcel(b []byte) (*parcel, error) {
	malformed := api.Errorf(api.CodeInvalidArgument, "what was sent along with the actor can't be read")
	if len(b) == 0 || b[0] != parcelFormat {
		return nil, malformed
	}
	d := api.NewDecoder(b[1:])
	p := new(parcel)
	fields := d.Array()
	p.seq.N = d.Uint()
	batch := d.Bytes()
	left := parcelEntriesMax
	p.state, p.space = decodeEntries(&d, &left), decodeEntries(&d, &left)
	packed := d.Bool()
	if luggage := d.Bytes(); packed {
		p.luggage = append([]byte{}, luggage...)
	}
	if fields >= markedFields {
		p.marks = decodeEntries(&d, &left)
	}
	if d.Err() != nil || left < 0 || fields < parcelFields || len(batch) != len(p.seq.Batch) {
		return nil, malformed
	}
	p.seq.Batch = [16]byte(batch)
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
