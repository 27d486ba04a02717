// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"log/slog"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// PeerInfo is what the process at the other side said of itself in its hello.
type PeerInfo struct {
	// ClusterID is the cluster it belongs to; empty for none: a tool, or a node that has not joined.
	ClusterID string
	// NodeID is its name; empty for a tool.
	NodeID string
	// Incarnation identifies the life of the node; empty if it has none.
	Incarnation string
	// Version is the version of the protocol spoken with it.
	Version int
	// Address is where the connection came from or went to, for people.
	Address string
}

// Identity is what a process says of itself in its hellos. Its functions are called for every
// connection and must not block; nil ones say nothing.
type Identity struct {
	// ClusterID is the cluster that the process belongs to. A peer of another one is refused; empty
	// agrees with any.
	ClusterID func() string
	// NodeID is the name of the node; empty for a tool.
	NodeID string
	// Incarnation is the node's present incarnation.
	Incarnation func() string
	// Credentials, sent by who dials, are what ServerConfig.Admit judges.
	Credentials func() string
}

// ServerConfig configures a Server.
type ServerConfig struct {
	Identity Identity
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
	// Admit, if not nil, refuses a connection by an error, which the dialer gets. It must not block.
	Admit func(peer PeerInfo, credentials string) error
	// RequestsMax bounds the requests in flight per connection: further ones are
	// answered with api.CodeOverloaded. Default 4,096.
	RequestsMax int
	// QueuedBytesMax bounds the answers of a connection that wait to be sent: over it, no more
	// requests are read from it. Default 64 MiB.
	QueuedBytesMax int
}

// Server serves calls.
type Server struct{}

// NewServer returns a server of the methods of mux.
func NewServer(e env.Env, config ServerConfig, mux *Mux) *Server { panic("soon") }

// Serve accepts connections until l is closed, Close is called or ctx ends, and returns nil in these cases.
// It closes l. Connections accepted live on until Close.
func (s *Server) Serve(ctx context.Context, l Listener) error { panic("soon") }

// Close stops gracefully: it stops listening, asks callers to send no more, answers what they
// send nevertheless with api.CodeUnavailable, waits until every request is answered or ctx ends, then
// breaks the connections. It returns ctx's error if requests were left.
func (s *Server) Close(ctx context.Context) error { panic("soon") }

// Request is a call being served.
type Request struct {
	Method string
	// Payload belongs to the handler.
	Payload []byte
}

// Peer says who calls.
func (r *Request) Peer() PeerInfo { panic("soon") }

// Class is the class that the call came in, in which its answer goes out.
func (r *Request) Class() Class { panic("soon") }

// Deadline returns when the caller stops waiting, on the monotonic clock of the Env, and whether it does.
func (r *Request) Deadline() (at time.Duration, ok bool) { panic("soon") }

// Context returns a context that ends at the deadline, when the caller cancels, when the
// connection is lost, or once the request is answered. It is made by the first call.
func (r *Request) Context() context.Context { panic("soon") }

// Reply answers the request: with payload, which must not be changed afterwards, or with err. It
// does not block, may be called from any task, and must be called exactly once: a second call panics.
// An answer to a connection that is lost is dropped.
func (r *Request) Reply(payload []byte, err error) { panic("soon") }
