// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

var (
	errNoHello     = errors.New("no hello arrived")
	errDuplicateID = errors.New("request with the id of one in flight")
)

// serverConn is the serving end of a connection.
type serverConn struct {
	conn
	server *Server
	// address is the peer's, without its port.
	address string
	// admitted is guarded by the server's lock.
	admitted admitted

	// Guarded by conn.mu; peer does not change once the handshake is over.
	peer     PeerInfo
	requests map[uint64]*Request // in flight
	running  bool                // the handshake is over
	draining bool                // the server is closing: nothing new is executed
	linger   env.Timer
}

func newServerConn(s *Server, link Link) *serverConn {
	c := &serverConn{server: s, address: addressOf(link.RemoteAddr()), requests: make(map[uint64]*Request)}
	c.init(s.env, link, c)
	c.account = s.config.Budget.Account()
	link.Charge(c.account)
	return c
}

// shakeHands reads the hello and answers it. The reason of a refusal is sent, and returned once the
// caller has closed the connection, for closing it first might overtake the reason.
func (c *serverConn) shakeHands() error {
	timeout := c.env.AfterFunc(handshakeTimeout, c.link.Close)
	defer timeout.Stop()
	b, err := c.link.Receive(ClassControl)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoHello, err)
	}
	peer, err := c.judge(b)
	if err != nil {
		if c.link.Send(ClassControl, [][]byte{appendError(nil, kindRefusal, 0, err)}) == nil {
			_, _ = c.link.Receive(ClassControl)
		}
		return err
	}
	c.link.Greeted()
	welcome := appendWelcome(nil, &c.server.config.Identity, peer.Version)
	if err := c.link.Send(ClassControl, [][]byte{welcome}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.peer = true, peer
	if c.draining {
		c.pushBare(kindGoaway)
	}
	return nil
}

func (c *serverConn) judge(b []byte) (PeerInfo, error) {
	h, err := parseHello(b)
	if errors.Is(err, errChecksum) { // worth another try
		return PeerInfo{}, api.Errorf(api.CodeUnavailable, "the hello is damaged: %w", err)
	}
	if err != nil {
		return PeerInfo{}, api.Errorf(api.CodeMismatch, "not a hello: %w", err)
	}
	config := &c.server.config
	peer, err := config.Identity.judge(h)
	if err != nil {
		return PeerInfo{}, err
	}
	peer.Address = c.link.RemoteAddr()
	if config.Admit != nil {
		err = config.Admit(peer, h.credentials)
	}
	if err == nil {
		err = c.server.enter(c, h.control || peer.NodeID != "")
	}
	return peer, err
}

// room implements end: while too many answers wait to be sent, or more than the connection's share of the budget
// allows, no requests are read.
func (c *serverConn) room(class Class) {
	l := &c.lanes[class]
	for {
		c.mu.Lock()
		if c.err != nil || l.bytes == 0 || l.bytes <= c.server.config.QueuedBytesMax && !c.account.Over() {
			c.mu.Unlock()
			return
		}
		l.readerIdle = true
		c.mu.Unlock()
		park(l.reader)
	}
}

// handle implements end.
func (c *serverConn) handle(class Class, f frame) error {
	switch f.kind {
	case kindRequest:
		return c.request(class, f)
	case kindCancel:
		c.cancel(f.id)
		return nil
	}
	return errKind
}

func (c *serverConn) request(class Class, f frame) error {
	method, timeoutMillis, payload, err := f.request()
	if err != nil {
		return err
	}
	return c.serve(class, f.id, method, timeoutMillis, payload, true)
}

// refuse implements end.
func (c *serverConn) refuse(class Class, head []byte) error {
	f, err := readHead(head)
	if err != nil {
		return err
	}
	if f.kind != kindRequest {
		return errKind
	}
	method, timeoutMillis, _, err := f.request()
	if err != nil {
		return err
	}
	return c.serve(class, f.id, method, timeoutMillis, nil, false)
}

// serve begins to serve a request, of which the payload has come unless there was no room for it. What it takes is
// charged to the account until it is answered.
func (c *serverConn) serve(class Class, id uint64, method []byte, timeoutMillis uint64, payload []byte,
	came bool) error {
	name, h, found := c.server.mux.find(method)
	req := &Request{Payload: payload, conn: c, id: id, class: class}
	takes := requestBytes + len(payload)
	if h.task != nil {
		takes += taskBytes
	}
	room := came && c.account.Take(takes)
	if room {
		req.charged = takes
	}
	req.Method = name
	if timeoutMillis > 0 {
		req.deadline = c.env.Monotonic() + time.Duration(min(timeoutMillis, timeoutMillisMax))*time.Millisecond
	}
	refusal, err := c.admit(req)
	switch {
	case err != nil:
		return err
	case refusal != nil:
		req.Reply(nil, refusal)
	case !room:
		req.Reply(nil, api.Errorf(api.CodeOverloaded, "%w: try again later", ErrNoRoom))
	case !found:
		req.Reply(nil, api.Errorf(api.CodeUnknownMethod, "no such method: %q", cut(string(method), MethodBytesMax)))
	case h.async != nil:
		h.async(req)
	default:
		c.env.Go("rpc "+name, func() { req.Reply(h.task(req.Context(), req)) })
	}
	return nil
}

// admit enters a request among those in flight. A refusal is to be answered with; an error breaks the connection.
func (c *serverConn) admit(req *Request) (refusal *api.Error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err = c.err
	if err == nil && c.requests[req.id] != nil {
		err = errDuplicateID
	}
	if err != nil {
		c.account.Give(req.charged)
		return nil, err
	}
	inFlight := len(c.requests)
	c.requests[req.id] = req
	switch {
	case c.draining:
		return api.Errorf(api.CodeUnavailable, "the server is stopping"), nil
	case inFlight >= c.server.config.RequestsMax:
		return api.Errorf(api.CodeOverloaded, "%d requests of the connection are in flight", inFlight), nil
	}
	return nil, nil
}

// cancel ends the context of a request whose caller has given up. It may have been answered already.
func (c *serverConn) cancel(id uint64) {
	c.mu.Lock()
	req := c.requests[id]
	c.mu.Unlock()
	if req != nil {
		req.abandon()
	}
}

// reply queues an answer, of which header includes the checksum of payload, or drops it. It returns what
// ends the request's context, nil if there is none.
func (c *serverConn) reply(req *Request, header, payload []byte) (cancel context.CancelFunc, dropped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if req.replied {
		panic("rpc: request answered twice: " + req.Method)
	}
	req.replied, req.ended = true, true
	c.account.Give(req.charged)
	if dropped = c.err != nil || req.abandoned; dropped {
		c.account.Give(len(header) + len(payload))
		c.server.answersDropped.Add(1)
	} else {
		l := &c.lanes[req.class]
		l.push(header, payload)
		l.charged += len(header) + len(payload)
		if req.left != nil {
			l.left = append(l.left, req.left)
		}
		c.sendQueued(req.class)
	}
	if c.requests[req.id] == req {
		delete(c.requests, req.id)
	}
	c.lingerIfDrained()
	return req.cancel, dropped
}

// drain asks the caller to send no more.
func (c *serverConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.draining {
		return
	}
	c.draining = true
	if c.running {
		c.pushBare(kindGoaway)
	}
	c.lingerIfDrained()
}

// lingerIfDrained leaves it to the caller for a while to close a connection that is of no more use. The lock is held.
func (c *serverConn) lingerIfDrained() {
	if c.draining && len(c.requests) == 0 && c.linger == nil && c.err == nil {
		c.linger = c.env.AfterFunc(lingerTimeout, func() { c.fail(errClosed) })
	}
}

// lost implements end: it ends the contexts of all requests in flight.
func (c *serverConn) lost(err error) {
	c.mu.Lock()
	if c.linger != nil {
		c.linger.Stop()
	}
	requests := make([]*Request, 0, len(c.requests))
	for _, req := range c.requests { //kelpie:unordered sorted below
		requests = append(requests, req)
	}
	clear(c.requests)
	peer := c.peer
	c.mu.Unlock()
	slices.SortFunc(requests, func(a, b *Request) int { return cmp.Compare(a.id, b.id) })
	for _, req := range requests {
		req.abandon()
	}
	c.server.config.Logger.Debug("connection lost",
		"address", c.link.RemoteAddr(), "node", peer.NodeID, "requests", len(requests), "error", err)
	c.server.remove(c)
}
