// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kv

import "context"

// Scan calls f with the pairs of the half-open range [begin, end) in the order
// of opt, reading a page at a time, until f returns an error, which it
// returns. opt.Limit bounds the pairs in all, opt.BytesMax each page. The pairs
// belong to f.
func Scan(ctx context.Context, r Reader, begin, end []byte, opt RangeOptions, f func(KeyValue) error) error {
	for left := opt.Limit; ; {
		page := opt
		page.Limit = left
		pairs, more, err := r.Range(ctx, begin, end, page)
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			if err := f(pair); err != nil {
				return err
			}
		}
		if opt.Limit > 0 {
			left -= len(pairs)
			more = more && left > 0
		}
		if !more {
			return nil
		}
		if last := pairs[len(pairs)-1].Key; opt.Reverse {
			end = last
		} else {
			begin = KeyAfter(last)
		}
	}
}
