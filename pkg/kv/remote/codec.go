// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"errors"
	"math"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// Requests and answers are msgpack, by position. What is decoded aliases its input.

// headBytes is room for the numbers and headers of a message.
const headBytes = 64

// binBytes is the most that the header of a binary takes.
const binBytes = 5

var errTooMany = errors.New("too many elements")

// appendOptional appends a binary, or nil for nil.
func appendOptional(b, p []byte) []byte {
	if p == nil {
		return api.AppendNil(b)
	}
	return api.AppendBytes(b, p)
}

// array reads the header of an array of exactly n elements.
func array(d *api.Decoder, n int) error {
	if got := d.Array(); d.Err() == nil && got != n {
		return errors.New("array of another length than expected")
	}
	return d.Err()
}

// end returns the first error of a message that was read to its end.
func end(d *api.Decoder) error {
	if d.Err() == nil && len(d.Rest()) > 0 {
		return errors.New("bytes after the end of the message")
	}
	return d.Err()
}

// getAllRequest is [version, [key ...]]. In one that begins, here and in a rangeRequest, a priority is in the place
// of the version, and the answer is the version and behind it that to a request at the version.
type getAllRequest struct {
	version kv.Version
	keys    [][]byte
}

func (r getAllRequest) encode() []byte {
	b := make([]byte, 0, headBytes+sizeOf(r.keys))
	b = api.AppendArrayHeader(b, 2)
	b = api.AppendInt(b, int64(r.version))
	return appendBinaries(b, r.keys)
}

func decodeGetAllRequest(b []byte) (r getAllRequest, err error) {
	d := api.NewDecoder(b)
	if err := array(&d, 2); err != nil {
		return r, err
	}
	r.version = kv.Version(d.Int())
	if r.keys, err = binaries(&d, keysMax); err != nil {
		return r, err
	}
	return r, end(&d)
}

// appendBinaries appends an array of binaries; nil ones are nil.
func appendBinaries(b []byte, all [][]byte) []byte {
	b = api.AppendArrayHeader(b, len(all))
	for _, p := range all {
		b = appendOptional(b, p)
	}
	return b
}

func binaries(d *api.Decoder, lengthMax int) ([][]byte, error) {
	n := d.Array()
	if n > lengthMax {
		return nil, errTooMany
	}
	all := make([][]byte, n)
	for i := range all {
		all[i] = d.Bytes()
	}
	return all, d.Err()
}

func sizeOf(all [][]byte) int {
	size := 0
	for _, p := range all {
		size += binBytes + len(p)
	}
	return size
}

// decodeValues reads the answer to a getAllRequest of n keys.
func decodeValues(b []byte, n int) ([][]byte, error) {
	d := api.NewDecoder(b)
	values, err := binaries(&d, n)
	if err == nil && len(values) != n {
		err = errors.New("another number of values than of keys")
	}
	return values, errors.Join(err, end(&d))
}

// rangeRequest is [version, begin, end, limit, bytes, reverse].
type rangeRequest struct {
	version    kv.Version
	begin, end []byte
	opt        kv.RangeOptions
}

func (r rangeRequest) encode() []byte {
	b := make([]byte, 0, headBytes+len(r.begin)+len(r.end))
	b = api.AppendArrayHeader(b, 6)
	b = api.AppendInt(b, int64(r.version))
	b = api.AppendBytes(b, r.begin)
	b = api.AppendBytes(b, r.end)
	b = api.AppendUint(b, uint64(r.opt.Limit))
	b = api.AppendUint(b, uint64(r.opt.BytesMax))
	return api.AppendBool(b, r.opt.Reverse)
}

func decodeRangeRequest(b []byte) (r rangeRequest, err error) {
	d := api.NewDecoder(b)
	if err := array(&d, 6); err != nil {
		return r, err
	}
	r.version = kv.Version(d.Int())
	r.begin, r.end = d.Bytes(), d.Bytes()
	r.opt.Limit, r.opt.BytesMax = clampInt(d.Uint()), clampInt(d.Uint())
	r.opt.Reverse = d.Bool()
	return r, end(&d)
}

func clampInt(u uint64) int { return int(min(u, math.MaxInt32)) }

// page is the answer to a rangeRequest: [more, [key, value ...]].
type page struct {
	pairs []kv.KeyValue
	more  bool
}

// encode returns head and the page after it.
func (p page) encode(head []byte) []byte {
	size := headBytes
	for _, pair := range p.pairs {
		size += 2*binBytes + len(pair.Key) + len(pair.Value)
	}
	b := append(make([]byte, 0, size), head...)
	b = api.AppendArrayHeader(b, 2)
	b = api.AppendBool(b, p.more)
	b = api.AppendArrayHeader(b, 2*len(p.pairs))
	for _, pair := range p.pairs {
		b = api.AppendBytes(b, pair.Key)
		b = api.AppendBytes(b, pair.Value)
	}
	return b
}

func decodePage(b []byte) (p page, err error) {
	d := api.NewDecoder(b)
	if err := array(&d, 2); err != nil {
		return p, err
	}
	p.more = d.Bool()
	p.pairs = make([]kv.KeyValue, d.Array()/2)
	for i := range p.pairs {
		p.pairs[i] = kv.KeyValue{Key: d.Bytes(), Value: d.Bytes()}
	}
	if err := end(&d); err != nil {
		return page{}, err
	}
	if p.more && len(p.pairs) == 0 {
		return page{}, errors.New("a page without pairs, and more to come")
	}
	return p, nil
}

// watchRequest is [key, value or nil, version].
type watchRequest struct {
	key, value []byte
	version    kv.Version
}

func (r watchRequest) encode() []byte {
	b := make([]byte, 0, headBytes+len(r.key)+len(r.value))
	b = api.AppendArrayHeader(b, 3)
	b = api.AppendBytes(b, r.key)
	b = appendOptional(b, r.value)
	return api.AppendInt(b, int64(r.version))
}

func decodeWatchRequest(b []byte) (r watchRequest, err error) {
	d := api.NewDecoder(b)
	if err := array(&d, 3); err != nil {
		return r, err
	}
	r.key, r.value = d.Bytes(), d.Bytes()
	r.version = kv.Version(d.Int())
	return r, end(&d)
}

// encodeNumber and decodeNumber are for messages of one number.
func encodeNumber(n int64) []byte { return api.AppendInt(make([]byte, 0, 9), n) }

func decodeNumber(b []byte) (int64, error) {
	d := api.NewDecoder(b)
	n := d.Int()
	return n, end(&d)
}

// cutNumber reads the number that an answer begins with, and returns the rest of it.
func cutNumber(b []byte) (n int64, rest []byte, err error) {
	d := api.NewDecoder(b)
	n = d.Int()
	return n, d.Rest(), d.Err()
}

func encodeCommitted(c ryw.Committed) []byte {
	b := api.AppendArrayHeader(make([]byte, 0, headBytes), 2)
	b = api.AppendInt(b, int64(c.Version))
	return api.AppendUint(b, uint64(c.Order))
}

func decodeCommitted(b []byte) (c ryw.Committed, err error) {
	d := api.NewDecoder(b)
	if err := array(&d, 2); err != nil {
		return c, err
	}
	c.Version, c.Order = kv.Version(d.Int()), uint16(d.Uint())
	return c, end(&d)
}
