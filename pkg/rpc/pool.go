// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"log/slog"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// PoolConfig configures a Pool.
type PoolConfig struct {
	Identity Identity
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
	// DialTimeout bounds connecting and the handshake. Default 5 s.
	DialTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause after a failed dial, which doubles with every
	// failure and is jittered. Defaults 50 ms, 2 s.
	BackoffMin, BackoffMax time.Duration
	// CallsMax bounds the calls in flight per connection, QueuedBytesMax the bytes waiting to be
	// sent: a call over them fails with api.CodeOverloaded, not sent. Defaults 65,536 and 64 MiB.
	CallsMax, QueuedBytesMax int
}

// Pool makes calls to other processes, over one connection an address, made when
// first needed. It is safe for concurrent use.
type Pool struct{}

// NewPool returns a pool without connections.
func NewPool(e env.Env, t Transport, config PoolConfig) *Pool { panic("soon") }

// Call calls a method of the process at addr and returns its answer, which belongs to the caller. It blocks
// until the answer comes or ctx ends. payload must not be changed afterwards, even if the call fails.
//
// Errors are of type *api.Error. NotSent tells whether the peer certainly never got the
// call. Besides what the peer answered:
//   - api.CodeUnavailable: no connection, or it broke before the call was handed to it. Not sent.
//   - api.CodeMismatch, api.CodePermissionDenied: the peer refused the connection. Not sent.
//   - api.CodeOverloaded: too much is waiting on the connection. Not sent.
//   - api.CodeTooLarge: the payload exceeds PayloadBytesMax. Not sent.
//   - api.CodeUnknown: the connection broke after the call was handed to it.
//   - api.CodeDeadlineExceeded, api.CodeCancelled: ctx ended first.
func (p *Pool) Call(ctx context.Context, addr string, class Class, method string, payload []byte) ([]byte, error) {
	panic("soon")
}

// Start is Call without waiting: it does not block, and done is called exactly once, with what Call would return.
// deadline is on the monotonic clock of the Env, zero for none. done runs on a task of the pool, or of the
// caller before Start returns; it must not block. cancel gives up: done is called, with
// api.CodeCancelled, before it returns, unless it was called before.
func (p *Pool) Start(deadline time.Duration, addr string, class Class, method string, payload []byte, done func(payload []byte, err error)) (cancel func()) {
	panic("soon")
}

// Peer returns who is at addr, connecting if need be. Errors are as of Call.
func (p *Pool) Peer(ctx context.Context, addr string) (PeerInfo, error) { panic("soon") }

// Connect is Peer that tries again, with backoff, until ctx ends, as long as nobody
// answers at addr. A peer that refuses is an error at once.
func (p *Pool) Connect(ctx context.Context, addr string) (PeerInfo, error) { panic("soon") }

// Disconnect breaks the connection to addr, if there is one. Calls on it fail with
// api.CodeUnavailable or api.CodeUnknown, as on any loss; the next call connects anew.
func (p *Pool) Disconnect(addr, reason string) { panic("soon") }

// Close breaks all connections. Calls in flight fail as on any loss, later ones with api.CodeUnavailable.
func (p *Pool) Close() { panic("soon") }

// NotSent reports whether err, of a call, proves that the peer never got it.
func NotSent(err error) bool { panic("soon") }
