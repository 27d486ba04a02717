// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// A transaction that begins with a read asks for both at once. A server of an earlier version does not know how: it is
// asked for one after the other from then on.

// BeginGetAll implements ryw.Beginner.
func (b backend) BeginGetAll(ctx context.Context, p kv.Priority, keys [][]byte) (kv.Version, [][]byte, error) {
	var v kv.Version
	var answer []byte
	var err error
	if len(keys) <= keysMax {
		v, answer, err = b.begin(ctx, p, methodBeginGetAll, getAllRequest{version: kv.Version(p), keys: keys}.encode())
	} else {
		v, err = b.ReadVersion(ctx, p) // and the parts of the read together
	}
	if err != nil {
		return 0, nil, err
	}
	var values [][]byte
	if answer == nil {
		values, err = b.GetAll(ctx, v, keys)
	} else if values, err = decodeValues(answer, len(keys)); err != nil {
		err = readError(err)
	}
	if err != nil {
		return 0, nil, err
	}
	return v, values, nil
}

// BeginRange implements ryw.Beginner.
func (b backend) BeginRange(ctx context.Context, p kv.Priority, begin, end []byte, opt kv.RangeOptions) (
	kv.Version, []kv.KeyValue, bool, error) {
	left := newRest(begin, end, opt)
	request := rangeRequest{version: kv.Version(p), begin: begin, end: end, opt: left.opt}
	v, answer, err := b.begin(ctx, p, methodBeginRange, request.encode())
	if err != nil {
		return 0, nil, false, err
	}
	var first page
	if answer != nil {
		if first, err = decodePage(answer); err != nil {
			return 0, nil, false, readError(err)
		}
		if !first.more || !left.pass(first.pairs) {
			return v, first.pairs, first.more, nil
		}
	}
	pairs, more, err := b.pages(ctx, v, left, first.pairs)
	if err != nil {
		return 0, nil, false, err
	}
	return v, pairs, more, nil
}

// begin fetches a read version and the answer to the read of payload at it, or the version alone.
func (b backend) begin(ctx context.Context, p kv.Priority, method string, payload []byte) (kv.Version, []byte, error) {
	if !b.apart.Load() {
		answer, err := b.read(ctx, method, payload)
		if err == nil {
			v, answer, err := cutNumber(answer)
			if err != nil {
				return 0, nil, readError(err)
			}
			return kv.Version(v), answer, nil
		}
		if api.CodeOf(err) != api.CodeUnknownMethod {
			return 0, nil, err
		}
		b.apart.Store(true)
	}
	v, err := b.ReadVersion(ctx, p)
	return v, nil, err
}
