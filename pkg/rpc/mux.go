// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import "context"

// Handler serves a call in a task of its own. ctx ends with the request's (see Request.Context). The reply
// must not be changed afterwards. An error reaches the caller with its api.Code, message
// and detail; one without a code as api.CodeInternal.
type Handler func(ctx context.Context, req *Request) ([]byte, error)

// AsyncHandler serves a call on the task that reads the connection: it must not block. It, or any
// task later, answers by req.Reply, exactly once.
type AsyncHandler func(req *Request)

// Mux finds the handler of a method. Methods are registered before it is served;
// after that it is safe for concurrent use.
type Mux struct {
	handlers map[string]handler
}

type handler struct {
	method string
	task   Handler
	async  AsyncHandler
}

// NewMux returns a Mux without methods.
func NewMux() *Mux { return &Mux{handlers: make(map[string]handler)} }

// Handle registers a method that is served in a task of its own per call.
func (m *Mux) Handle(method string, h Handler) { m.register(method, handler{method: method, task: h}) }

// HandleAsync registers a method that is served on the reading task.
func (m *Mux) HandleAsync(method string, h AsyncHandler) {
	m.register(method, handler{method: method, async: h})
}

func (m *Mux) register(method string, h handler) {
	if method == "" || len(method) > MethodBytesMax {
		panic("rpc: no name for a method: " + method)
	}
	if _, ok := m.handlers[method]; ok {
		panic("rpc: method registered twice: " + method)
	}
	m.handlers[method] = h
}

// find returns a method's handler and its name, without making a string of what it looks for.
func (m *Mux) find(method []byte) (name string, h handler, ok bool) {
	h, ok = m.handlers[string(method)]
	return h.method, h, ok
}
