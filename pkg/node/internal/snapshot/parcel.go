// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Parcel is what an activation takes along when it moves.
type Parcel struct {
	// Seq is that of the last commit, which state belongs to.
	Seq registry.Seq
	// State is what an activation would read of the store: agenda, records and struct. Of a volatile actor it is all
	// there is, with space.
	State, Space []registry.Entry
	// Marks are how far a volatile actor is with the messages of others.
	Marks []registry.Entry
	// Luggage is what the actor itself takes along; nil is nothing.
	Luggage []byte
}

const (
	parcelFormat = 1
	parcelFields = 6
	// Those of later versions have the marks behind the others.
	markedFields = parcelFields + 1
)

func (p *Parcel) Encode() []byte {
	size := 64 + len(p.Luggage)
	for _, e := range p.State {
		size += len(e.Key) + len(e.Value) + 10
	}
	for _, e := range slices.Concat(p.Space, p.Marks) {
		size += len(e.Key) + len(e.Value) + 10
	}
	b := append(make([]byte, 0, size), parcelFormat)
	b = api.AppendArrayHeader(b, markedFields+api.LaterFields)
	b = api.AppendUint(b, p.Seq.N)
	b = api.AppendBytes(b, p.Seq.Batch[:])
	b = appendEntries(b, p.State)
	b = appendEntries(b, p.Space)
	b = api.AppendBool(b, p.Luggage != nil)
	b = api.AppendBytes(b, p.Luggage)
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

// DecodeParcel reads a parcel back; it keeps nothing of b. Errors are CodeInvalidArgument.
func DecodeParcel(b []byte) (*Parcel, error) {
	malformed := api.Errorf(api.CodeInvalidArgument, "what was sent along with the actor can't be read")
	if len(b) == 0 || b[0] != parcelFormat {
		return nil, malformed
	}
	d := api.NewDecoder(b[1:])
	p := new(Parcel)
	fields := d.Array()
	p.Seq.N = d.Uint()
	batch := d.Bytes()
	p.State, p.Space = decodeEntries(&d), decodeEntries(&d)
	packed := d.Bool()
	if luggage := d.Bytes(); packed {
		p.Luggage = append([]byte{}, luggage...)
	}
	if fields >= markedFields {
		p.Marks = decodeEntries(&d)
	}
	if d.Err() != nil || fields < parcelFields || len(batch) != len(p.Seq.Batch) {
		return nil, malformed
	}
	p.Seq.Batch = [16]byte(batch)
	return p, nil
}

func decodeEntries(d *api.Decoder) []registry.Entry {
	n := d.Array() / 2
	var out []registry.Entry
	for range n {
		if d.Err() != nil {
			return nil
		}
		out = append(out, registry.Entry{Key: slices.Clone(d.Bytes()), Value: slices.Clone(d.Bytes())})
	}
	return out
}
