// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"io"
)

// Verify reads all of a backup, and writes nothing: nil says that it is whole, and that no checksum fails. It blocks
// until that is known or ctx ends. Errors are CodeCorruptState for a damaged one, that of ctx, and those of from.
func Verify(ctx context.Context, from io.Reader, o Options) (Header, Trailer, error) {
	r, err := Open(from)
	if err != nil {
		return Header{}, Trailer{}, err
	}
	for !r.Ended() {
		if err := ctx.Err(); err != nil {
			return r.Header, r.Seen(), err
		}
		if _, err := r.Pairs(); err != nil {
			return r.Header, r.Seen(), err
		}
		o.tell(r.Seen())
	}
	return r.Header, r.Seen(), nil
}
