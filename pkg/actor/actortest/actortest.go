// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actortest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// Actors is all actors of some kinds. It is an actor.Caller. It is not safe for concurrent use.
type Actors struct {
	kinds    map[string]*kind.Spec
	all      map[actor.ID]*instance
	messages []message
	now      time.Time
	running  []actor.ID
	named    map[named]*outcome
	sent     int // messages from outside without a key
}

// named is a call or a message from outside with an idempotency key: every actor knows its own keys.
type named struct {
	actor actor.ID
	key   string
}

// outcome is what came of it: what a repeat gets.
type outcome struct {
	method  string
	request []byte
	reply   []byte
	err     error
}

var _ actor.Caller = (*Actors)(nil)

// New returns actors of some kinds, none of which was ever called. Their clock shows 1 January 2026, 00:00 UTC.
func New(kinds ...actor.Kind) *Actors {
	a := &Actors{kinds: make(map[string]*kind.Spec), all: make(map[actor.ID]*instance),
		named: make(map[named]*outcome),
		now:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, k := range kinds {
		a.kinds[k.Spec().Namespace] = k.Spec()
	}
	return a
}

// Now returns what the actors' clock shows: Context.Now in handlers.
func (a *Actors) Now() time.Time { return a.now }

// CallRaw implements actor.Caller. It runs the handler before it returns. Errors are those of a client: of type
// *api.Error, and CodeApplication for what the handler returned. Of the options, it heeds the idempotency key.
func (a *Actors) CallRaw(ctx context.Context, id actor.ID, method string, request []byte, opts ...api.CallOption) (
	[]byte, error) {
	spec := a.kinds[id.Namespace]
	if spec == nil {
		return nil, api.Errorf(api.CodeUnknownNamespace, "actortest.New was given no kind of namespace %q",
			id.Namespace)
	}
	m := spec.Methods[method]
	if m == nil {
		return nil, spec.UnknownMethod(method)
	}
	if slices.Contains(a.running, id) {
		return nil, api.Errorf(api.CodeDeadlock, "%s would wait for itself", id)
	}
	key := keyOf(opts)
	if m.ReadOnly || key == "" {
		return a.call(ctx, id, spec, m, request)
	}
	return a.once(named{id, key}, method, request, func() ([]byte, error) { return a.call(ctx, id, spec, m, request) })
}

func keyOf(opts []api.CallOption) string {
	var o api.CallOptions
	for _, opt := range opts {
		opt(&o)
	}
	return o.IdempotencyKey
}

// call runs a method.
func (a *Actors) call(ctx context.Context, id actor.ID, spec *kind.Spec, m *kind.Method, request []byte) (
	reply []byte, err error) {
	at, err := a.instance(ctx, id, spec)
	if err != nil {
		return nil, err
	}
	defer a.enter(id)()
	err = at.run(ctx, m.ReadOnly, m.Name, func(t kind.Turn) (err error) {
		reply, err = m.Run(t, at.state, request)
		return err
	})
	return reply, err
}

// enter says that an actor runs, until leave is called.
func (a *Actors) enter(id actor.ID) (leave func()) {
	a.running = append(a.running, id)
	return func() { a.running = a.running[:len(a.running)-1] }
}

// once does what has a key, or returns what came of it before.
func (a *Actors) once(of named, method string, request []byte, do func() ([]byte, error)) ([]byte, error) {
	before := a.named[of]
	switch {
	case before == nil:
	case before.method != method || !bytes.Equal(before.request, request):
		return nil, api.Errorf(api.CodeFailedPrecondition, "actor %s: idempotency key %q was used for another request",
			of.actor, of.key)
	default:
		return before.reply, before.err
	}
	reply, err := do()
	if err == nil || api.CodeOf(err) == api.CodeApplication { // others have not run: they may be repeated
		a.named[of] = &outcome{method, request, reply, err}
	}
	return reply, err
}

// SendRaw implements actor.Caller. Deliver calls the method. Of the options, it heeds the idempotency key.
func (a *Actors) SendRaw(_ context.Context, id actor.ID, method string, request []byte, opts ...api.CallOption) (
	string, error) {
	spec := a.kinds[id.Namespace]
	if spec == nil {
		return "", api.Errorf(api.CodeUnknownNamespace, "actortest.New was given no kind of namespace %q", id.Namespace)
	}
	if err := spec.Accepts(method, request); err != nil {
		return "", err
	}
	accept := func() ([]byte, error) {
		a.messages = append(a.messages, message{from: id, to: id, method: method, body: request})
		return nil, nil
	}
	key := keyOf(opts)
	if key == "" {
		a.sent++
		_, err := accept()
		return "message " + strconv.Itoa(a.sent), err
	}
	sent := api.SendRequest{Method: method, Body: request}
	if _, err := a.once(named{id, key}, api.MethodSend, sent.AppendTo(nil), accept); err != nil {
		return "", err
	}
	return key, nil
}

// instance returns an actor, with OnActivate run if it was not active.
func (a *Actors) instance(ctx context.Context, id actor.ID, spec *kind.Spec) (*instance, error) {
	if at := a.all[id]; at != nil {
		return at, nil
	}
	at := &instance{id: id, of: a, spec: spec, state: spec.NewState(), kv: make(memoryKV)}
	if spec.Activate != nil {
		defer a.enter(id)()
		err := at.run(ctx, false, "OnActivate", func(t kind.Turn) error { return spec.Activate(t, at.state) })
		if err != nil {
			return nil, api.Errorf(api.CodeUnavailable, "actor %s can't be activated: %v", id, err)
		}
	}
	a.all[id] = at
	return at, nil
}

// Deliver delivers what was sent, and what that sends, in the order in which it was sent, until nothing is left. It
// stops at the first message whose method fails, and drops that message: a node would try it again.
func (a *Actors) Deliver(ctx context.Context) error {
	for len(a.messages) > 0 {
		m := a.messages[0]
		a.messages = a.messages[1:]
		if _, err := a.CallRaw(ctx, m.to, m.method, m.body); err != nil {
			return fmt.Errorf("message %s to %s from %s: %w", m.method, m.to, m.from, err)
		}
	}
	return nil
}

// Advance moves the clock on by d. On the way it runs each alarm at its time, and delivers what it sends. It stops at
// the first that fails, with the clock at that time, and drops that alarm unless it repeats.
func (a *Actors) Advance(ctx context.Context, d time.Duration) error {
	end := a.now.Add(d)
	if err := a.Deliver(ctx); err != nil {
		return err
	}
	for {
		at, due := a.next()
		if at == nil || due.Due.After(end) {
			a.now = end
			return nil
		}
		if due.Due.After(a.now) {
			a.now = due.Due
		}
		at.fired(due)
		if _, err := a.CallRaw(ctx, at.id, due.Method, due.Request); err != nil {
			return fmt.Errorf("alarm %q of %s: %w", due.Name, at.id, err)
		}
		if err := a.Deliver(ctx); err != nil {
			return err
		}
	}
}

// next returns the alarm that is due first; of several, that of the actor and name that sort first.
func (a *Actors) next() (*instance, kind.Alarm) {
	var first *instance
	var due kind.Alarm
	for _, at := range a.all {
		for _, al := range at.alarms {
			if first == nil || cmp.Or(al.Due.Compare(due.Due), cmp.Compare(at.id.String(), first.id.String()),
				cmp.Compare(al.Name, due.Name)) < 0 {
				first, due = at, al
			}
		}
	}
	return first, due
}

// wireError returns a handler's error as its caller sees it.
func wireError(err error) error {
	if app, ok := errors.AsType[*actor.Error](err); ok {
		e := api.Errorf(api.CodeApplication, "%s", app.Message)
		e.Detail = map[string]string{api.DetailCode: app.Code}
		return e
	}
	if coded, ok := errors.AsType[*api.Error](err); ok {
		return coded
	}
	return api.Errorf(api.CodeApplication, "%v", err)
}
