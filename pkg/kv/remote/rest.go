// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"cmp"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// rest is what is still to be read of a range.
type rest struct {
	begin, end []byte
	opt        kv.RangeOptions
}

func newRest(begin, end []byte, opt kv.RangeOptions) rest {
	opt.BytesMax = cmp.Or(opt.BytesMax, kv.DefaultRangeBytes)
	return rest{begin: begin, end: end, opt: opt}
}

// pass takes off pairs that were read, of which there is one at least, and reports whether the limits leave any more.
func (r *rest) pass(pairs []kv.KeyValue) bool {
	for _, pair := range pairs {
		r.opt.BytesMax -= len(pair.Key) + len(pair.Value)
	}
	if last := pairs[len(pairs)-1].Key; r.opt.Reverse {
		r.end = last
	} else {
		r.begin = kv.KeyAfter(last)
	}
	if r.opt.Limit > 0 {
		r.opt.Limit -= len(pairs)
		return r.opt.Limit > 0 && r.opt.BytesMax > 0
	}
	return r.opt.BytesMax > 0
}
