// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"context"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Method is a reference to a method: it calls the method, and the compiler checks request and reply. Write and Read
// return one. It holds two names and nothing else, so it can be copied, compared and used concurrently.
//
// In a handler, Call waits for the reply, Send delivers after the commit, and Alarm delivers to the handler's own
// actor later. Everywhere else, On takes the client to call through.
type Method[Req, Resp any] struct {
	namespace, name string
}

// None is the request of a method that needs none, and the reply of one that has nothing to say.
type None = struct{}

// Write declares a method that may change the actor's state and its key-value space, and returns a reference to it.
// It panics if the kind has a method of that name or the name is empty, longer than api.MethodBytesMax or begins with
// '$'.
//
// Declare methods in package variables, next to their kind. A handler that refers to its own method, or two that
// refer to each other, make an initialization cycle, which the compiler reports: assign one of them in an init
// function.
func Write[S, Req, Resp any](
	k *Of[S], name string, handler func(ctx *Context, state *S, req Req) (Resp, error),
) Method[Req, Resp] {
	k.With(WriteFunc(name, handler))
	return Named[Req, Resp](k.spec.Namespace, name)
}

// Read declares a method that changes nothing, and returns a reference to it. Its reply needs no commit. Writes to
// the key-value space fail in it. It panics as Write does.
func Read[S, Req, Resp any](
	k *Of[S], name string, handler func(ctx *Context, state *S, req Req) (Resp, error),
) Method[Req, Resp] {
	k.With(ReadFunc(name, handler))
	return Named[Req, Resp](k.spec.Namespace, name)
}

// Named refers to a method that another program, or a package that this one can't import, declares. Nobody checks
// that the types are the ones it was declared with.
func Named[Req, Resp any](namespace, name string) Method[Req, Resp] {
	return Method[Req, Resp]{namespace: namespace, name: name}
}

// Name returns the method's name, as tools take it.
func (m Method[Req, Resp]) Name() string { return m.name }

// ID returns the whole id of an actor of the method's kind.
func (m Method[Req, Resp]) ID(id string) ID { return ID{Namespace: m.namespace, ID: id} }

// Call calls the method of another actor from within a handler and waits for the reply. It is Call, with types.
func (m Method[Req, Resp]) Call(ctx *Context, id string, req Req) (Resp, error) {
	return Call[Resp](ctx, m.ID(id), m.name, req)
}

// Send has the method of another actor called once what the handler does is committed. It is Send, with types.
func (m Method[Req, Resp]) Send(ctx *Context, id string, req Req) error {
	return Send(ctx, m.ID(id), m.name, req)
}

// Alarm sets an alarm that runs the method on the handler's own actor. It is Context.SetAlarm, with types. when says
// when, and leaves Method and Request empty. Errors are CodeInvalidArgument: the actor is of another kind, for
// instance.
func (m Method[Req, Resp]) Alarm(ctx *Context, name string, when Alarm, req Req) error {
	switch {
	case ctx.self.Namespace != m.namespace:
		return api.Errorf(api.CodeInvalidArgument,
			"alarm %q: %s can't run %s of %s: an alarm runs a method of the actor's own kind", name, ctx.self, m.name,
			m.namespace)
	case when.Method != "" || when.Request != nil:
		return api.Errorf(api.CodeInvalidArgument,
			"alarm %q: leave Method and Request empty; %s is the method, and its request comes last", name, m.name)
	}
	when.Method, when.Request = m.name, req
	return ctx.SetAlarm(name, when)
}

// Caller calls actors from outside of handlers. A *client.Client is one, and so is a fake of your tests'.
type Caller interface {
	// CallRaw calls a method with a request encoded as Marshal does, and returns the reply encoded so.
	CallRaw(ctx context.Context, id ID, method string, request []byte, opts ...api.CallOption) (reply []byte, err error)
}

// On returns the method of one actor, to be called through c.
func (m Method[Req, Resp]) On(c Caller, id string) Target[Req, Resp] {
	return Target[Req, Resp]{method: m, caller: c, id: id}
}

// Target is the method of one actor, and who calls it. It may be used as often and as concurrently as its Caller.
type Target[Req, Resp any] struct {
	method Method[Req, Resp]
	caller Caller
	id     string
}

// Call calls the method and waits for the reply. Errors are those of the Caller: client.Client.CallRaw lists them. In
// a handler use Method.Call, which runs once however often the handler does.
func (t Target[Req, Resp]) Call(ctx context.Context, req Req, opts ...api.CallOption) (Resp, error) {
	id := t.method.ID(t.id)
	body, err := encodeRequest(req)
	if err != nil {
		var none Resp
		return none, err
	}
	out, err := t.caller.CallRaw(ctx, id, t.method.name, body, opts...)
	if err != nil {
		var none Resp
		return none, err
	}
	return decodeReply[Resp](id, t.method.name, out)
}

func encodeRequest(request any) ([]byte, error) {
	body, err := Marshal(request)
	if err != nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "the request of type %T does not encode: %v", request, err)
	}
	return body, nil
}

func decodeReply[Resp any](id ID, method string, body []byte) (reply Resp, err error) {
	if err := Unmarshal(body, &reply); err != nil {
		return reply, api.Errorf(api.CodeInvalidArgument, "the reply of %s to %s does not fit a %T: %v", id, method,
			reply, err)
	}
	return reply, nil
}

// MethodOf is a method that is not part of a kind yet.
type MethodOf[S any] struct {
	spec *MethodSpec
}

// WriteFunc returns a writing method for With. Programs declare theirs by Write.
func WriteFunc[S, Req, Resp any](name string, handler func(ctx *Context, state *S, req Req) (Resp, error)) MethodOf[S] {
	return MethodOf[S]{&MethodSpec{Name: checked(name), Run: runner(name, handler)}}
}

// ReadFunc returns a reading method for With. Programs declare theirs by Read.
func ReadFunc[S, Req, Resp any](name string, handler func(ctx *Context, state *S, req Req) (Resp, error)) MethodOf[S] {
	return MethodOf[S]{&MethodSpec{Name: checked(name), ReadOnly: true, Run: runner(name, handler)}}
}

// With adds a method, and returns the kind: for kinds that are put together in one expression and called by name. It
// panics if there is one of that name.
func (k *Of[S]) With(m MethodOf[S]) *Of[S] {
	if _, ok := k.spec.Methods[m.spec.Name]; ok {
		panic(fmt.Sprintf("actor kind %s: method %q defined twice", k.spec.Namespace, m.spec.Name))
	}
	k.spec.Methods[m.spec.Name] = m.spec
	return k
}

func checked(name string) string {
	if name == "" || len(name) > api.MethodBytesMax || name[0] == '$' {
		panic(fmt.Sprintf("actor method %q: a name has 1 to %d bytes and does not begin with '$'", name,
			api.MethodBytesMax))
	}
	return name
}

func runner[S, Req, Resp any](name string, f func(*Context, *S, Req) (Resp, error)) func(*Context, any, []byte) (
	[]byte, error) {
	return func(ctx *Context, state any, request []byte) ([]byte, error) {
		var req Req
		if err := decodeRequest(request, &req); err != nil {
			return nil, err
		}
		resp, err := f(ctx, state.(*S), req)
		if err != nil {
			return nil, err
		}
		reply, err := Marshal(resp)
		if err != nil {
			return nil, api.Errorf(api.CodeInternal, "actor %s: the reply of method %s does not encode: %w", ctx.self,
				name, err)
		}
		return reply, nil
	}
}
