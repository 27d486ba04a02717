// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"errors"
	"sync"
)

// Budget bounds the memory that the callers of a process make it use: frames that arrive, requests that are not
// answered, and answers that wait to be sent. It is divided among connections: none holds more than half of it, nor
// more than is left for all others together (Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory
// Packet Switches", 1998, with alpha 1). However much others hold, each has accountFloor beside it.
//
// It is safe for concurrent use, and does not block.
type Budget struct {
	share int64

	mu   sync.Mutex
	free int64
}

// accountFloor is what a connection may hold that does not count: small calls are never refused.
const accountFloor = 32 << 10

// NewBudget returns a budget of a number of bytes.
func NewBudget(bytes int64) *Budget { return &Budget{share: bytes / 2, free: bytes} }

// Account returns the account of one more connection.
func (b *Budget) Account() *Account { return &Account{budget: b} }

// Account is what one connection holds of a Budget. It is safe for concurrent use; nil holds nothing, and has room for
// everything.
type Account struct {
	budget *Budget

	mu     sync.Mutex
	held   int64 // bytes, of which accountFloor do not count
	counts int64 // taken from the budget
}

// Take takes n bytes, and reports whether there was room.
func (a *Account) Take(n int) bool { return a == nil || a.take(int64(n), false) }

// Force takes n bytes even if there is no room: they are in use already.
func (a *Account) Force(n int) {
	if a != nil {
		a.take(int64(n), true)
	}
}

// Give gives n bytes back.
func (a *Account) Give(n int) {
	if a != nil {
		a.take(-int64(n), true)
	}
}

// Over reports whether the connection holds more than its share.
func (a *Account) Over() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == 0 {
		return false
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	return a.counts > min(b.share, max(b.free, 0))
}

func (a *Account) take(n int64, force bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := max(a.held+n-accountFloor, 0)
	if more := counts - a.counts; more != 0 && !a.budget.take(more, counts, force) {
		return false
	}
	a.held, a.counts = a.held+n, counts
	return true
}

// take takes more bytes for an account that has counts then.
func (b *Budget) take(more, counts int64, force bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !force && counts > min(b.share, b.free-more) {
		return false
	}
	b.free -= more
	return true
}

// ErrNoRoom is why a frame was not received: the budget has no room for it.
var ErrNoRoom = errors.New("the process has no room for more of this connection")

// NoRoomError is the error of Link.Receive for a frame for which there was no room. The link goes on behind it. It
// wraps ErrNoRoom.
type NoRoomError struct {
	// Head is the beginning of the frame, without its length: HeadBytesMax, or all of it.
	Head []byte
}

// HeadBytesMax is how much is kept of a frame for which there is no room: the header of any request.
const HeadBytesMax = 1 << 10

func (e *NoRoomError) Error() string { return ErrNoRoom.Error() }

func (e *NoRoomError) Unwrap() error { return ErrNoRoom }
