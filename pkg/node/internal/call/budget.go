// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package call

import (
	"sync/atomic"
	"time"
)

// Budget bounds the calls that are on their way in a node, and the bytes of their requests: what comes beyond is
// refused before anything is done for it. Only calls from outside are counted. Those of handlers are bounded by the
// handlers, and to refuse them would not free anything.
//
// One actor's mailbox takes no more calls than there is still room for in the node, so that the calls of a hot actor
// alone never fill more than half of it, of two no more than two thirds, and the rest get through: Choudhury and
// Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998, with alpha 1.
type Budget struct {
	CallsMax, BytesMax int64
	Calls, bytes       atomic.Int64
	// stay is about how long a call stays, in nanoseconds.
	stay atomic.Int64
}

// Enter takes charge of a call with a request of so many bytes. An error is CodeOverloaded; after none leave must
// follow.
func (b *Budget) Enter(bytes int) error {
	calls, all := b.Calls.Add(1), b.bytes.Add(int64(bytes))
	if calls <= b.CallsMax && (all <= b.BytesMax || calls == 1) {
		return nil
	}
	b.Calls.Add(-1)
	b.bytes.Add(-int64(bytes))
	if calls > b.CallsMax {
		return ErrOverloaded(b.pause(), "the node has %d calls on their way already", b.CallsMax)
	}
	return ErrOverloaded(b.pause(), "the node has requests of %d bytes on their way already", b.BytesMax)
}

// Leave ends the charge of a call that has stayed for so long.
func (b *Budget) Leave(bytes int, stayed time.Duration) {
	b.Calls.Add(-1)
	b.bytes.Add(-int64(bytes))
	was := b.stay.Load()
	b.stay.Store(was + (int64(stayed)-was)/stayWeight) // of two at once one may be lost: it is an average
}

// Room is how many more calls fit.
func (b *Budget) Room() int { return int(b.CallsMax - b.Calls.Load()) }

// pause is when to come again: by then about as many calls have left as are there now.
func (b *Budget) pause() time.Duration { return time.Duration(b.stay.Load()) }
