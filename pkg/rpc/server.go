// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// ServerConfig configures a Server.
type ServerConfig struct {
	Identity Identity
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
	// Admit, if not nil, refuses a connection by an error, which the dialer gets. It must not block.
	Admit func(peer PeerInfo, credentials string) error
	// ConnectionsMax bounds the connections. A sixteenth of them, at most 256, are for nodes and for tools (see
	// Identity.Control). Who gets no room is refused with api.CodeOverloaded, which says why. Default 4,096.
	ConnectionsMax int
	// ConnectionsPerAddressMax bounds those of callers from one address, whatever their port. Default half of all.
	ConnectionsPerAddressMax int
	// RequestsMax bounds the requests in flight per connection: further ones are
	// answered with api.CodeOverloaded. Default 4,096.
	RequestsMax int
	// QueuedBytesMax bounds the answers of a connection that wait to be sent: over it, no more
	// requests are read from it. Default 64 MiB.
	QueuedBytesMax int
	// Budget bounds the memory that all connections take together: a request for which it has no room is answered with
	// api.CodeOverloaded, and so is one whose answer has none, or with api.CodeUnknown if it MayHaveRun. Servers may
	// share one. Default one of 64 MiB.
	Budget *Budget
}

func (c ServerConfig) withDefaults() ServerConfig {
	c.ConnectionsMax = cmp.Or(c.ConnectionsMax, defaultConnectionsMax)
	c.ConnectionsPerAddressMax = cmp.Or(c.ConnectionsPerAddressMax, (c.ConnectionsMax+1)/2)
	c.RequestsMax = cmp.Or(c.RequestsMax, defaultRequestsMax)
	c.QueuedBytesMax = cmp.Or(c.QueuedBytesMax, defaultQueuedBytesMax)
	if c.Budget == nil {
		c.Budget = NewBudget(defaultBudgetBytes)
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Server serves calls. It is safe for concurrent use.
type Server struct {
	env    env.Env
	config ServerConfig
	mux    *Mux

	answersDropped atomic.Uint64

	mu        sync.Mutex
	closing   bool
	admission admission
	// refusals and starved log connections that were refused, and that there are no descriptors.
	refusals, starved teller
	listeners         []Listener
	conns             []*serverConn // in the order of their arrival, from before their hello until they break
	empty             []env.Parker  // of those who wait until there is no connection
}

// ServerStats are counts of a Server.
type ServerStats struct {
	// Connections is how many there are now.
	Connections int
	// Refused is how many connections got no room.
	Refused uint64
	// AnswersDropped is how many answers were not sent because the caller had given
	// up or its connection was lost.
	AnswersDropped uint64
}

// NewServer returns a server of the methods of mux.
func NewServer(e env.Env, config ServerConfig, mux *Mux) *Server {
	s := &Server{env: e, config: config.withDefaults(), mux: mux}
	s.admission = newAdmission(&s.config)
	return s
}

// Stats returns the counts as of now.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ServerStats{Connections: len(s.conns), Refused: s.admission.refused,
		AnswersDropped: s.answersDropped.Load()}
}

// Serve accepts connections until l is closed, Close is called or ctx ends, and returns nil in these cases.
// It closes l. Connections accepted live on until Close.
func (s *Server) Serve(ctx context.Context, l Listener) error {
	if !s.listen(l) {
		return l.Close()
	}
	defer s.closeListener(l)
	stop := env.OnDone(ctx, func() { s.closeListener(l) })
	defer stop()
	for {
		link, err := l.Accept()
		if err != nil {
			if isClosed(err) {
				return nil
			}
			if errors.Is(err, ErrNoDescriptors) {
				s.starve(err)
				continue
			}
			return fmt.Errorf("accept connections at %s: %w", l.Addr(), err)
		}
		s.accept(link)
	}
}

func (s *Server) listen(l Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.listeners = append(s.listeners, l)
	}
	return !s.closing
}

// closeListener closes l, unless this server has done so before.
func (s *Server) closeListener(l Listener) {
	s.mu.Lock()
	before := len(s.listeners)
	s.listeners = slices.DeleteFunc(s.listeners, func(other Listener) bool { return other == l })
	closed := len(s.listeners) == before
	s.mu.Unlock()
	if closed {
		return
	}
	if err := l.Close(); err != nil && !isClosed(err) {
		s.config.Logger.Warn("cannot close the listener", "address", l.Addr(), "error", err)
	}
}

// accept begins to serve a link, in tasks of its own.
func (s *Server) accept(link Link) {
	c := newServerConn(s, link)
	if !s.add(c) {
		link.Close()
		return
	}
	s.env.Go("rpc handshake "+link.RemoteAddr(), func() {
		if err := c.shakeHands(); err != nil {
			c.fail(err)
			return
		}
		c.run()
	})
}

func (s *Server) add(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	if !s.admission.begin(c, len(s.conns)) {
		s.refusals.tell(s.env, s.config.Logger, "connections were closed: too many are at their hello", "address",
			c.address, "connections", len(s.conns))
		return false
	}
	s.conns = append(s.conns, c)
	return true
}

// enter gives a connection room that has said who it is, or says why not.
func (s *Server) enter(c *serverConn, special bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admission.enter(c, special); err != nil {
		s.refusals.tell(s.env, s.config.Logger, "connections were refused", "address", c.address, "reason", err.Message,
			"refused", s.admission.refused)
		return err
	}
	return nil
}

// starve tells that no connection can be accepted.
func (s *Server) starve(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starved.tell(s.env, s.config.Logger, "no connection can be accepted until some end: raise the limit of open "+
		"files", "error", err, "connections", len(s.conns))
}

func (s *Server) remove(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = slices.DeleteFunc(s.conns, func(other *serverConn) bool { return other == c })
	s.admission.leave(c)
	if len(s.conns) > 0 {
		return
	}
	for _, waiting := range s.empty {
		waiting.Unpark()
	}
	s.empty = nil
}

// Close stops gracefully: it stops listening, asks callers to send no more, answers what they
// send nevertheless with api.CodeUnavailable, waits until every request is answered or ctx ends, then
// breaks the connections. It returns ctx's error if it ended first.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	listeners, conns := slices.Clone(s.listeners), slices.Clone(s.conns)
	waiting := s.env.NewParker()
	if len(s.conns) == 0 {
		waiting.Unpark()
	} else {
		s.empty = append(s.empty, waiting)
	}
	s.mu.Unlock()
	for _, l := range listeners {
		s.closeListener(l)
	}
	for _, c := range conns {
		c.drain()
	}
	err := waiting.Park(ctx)
	for _, c := range conns {
		c.fail(errClosed)
	}
	return err
}
