// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// Spec is a kind: all actors of one namespace. It does not change once a node uses it.
type Spec struct {
	Namespace string
	// Consistency is how reading methods are answered: one of actor.Consistency.
	Consistency string
	// IdleTimeout is how long an actor without calls stays active; 0 is the node's default.
	IdleTimeout time.Duration
	// Placement is the strategy of placement that the namespace begins with; "" is "least-loaded".
	Placement string
	// Activate and Deactivate, if not nil, run before the first call of an activation and at its end.
	Activate, Deactivate Hook
	// Pack, if not nil, returns what an actor takes along when it moves, beside its state; Unpack gets that on the
	// other node.
	Pack   func(t Turn, state any) (payload []byte, err error)
	Unpack func(t Turn, state any, payload []byte) error
	// Volatile actors keep nothing in the store.
	Volatile bool
	// Version is that of the state, 0 for the first. Upgrade fills a new state from one of an earlier version.
	Version uint32
	Upgrade func(old Stored, state any) error
	// Renames are fields of the state that have other names than they had.
	Renames []Rename
	// NewState returns a pointer to a new, zero state.
	NewState func() any
	Methods  map[string]*Method
}

// Hook runs at the beginning or the end of an activation, with the state that NewState returned.
type Hook func(t Turn, state any) error

// Method is one method of a kind.
type Method struct {
	Name string
	// ReadOnly methods change nothing.
	ReadOnly bool
	// Run decodes the request, runs the handler on the state made by NewState and encodes the reply.
	Run func(t Turn, state any, request []byte) (reply []byte, err error)
	// Request and Reply are their types; nil takes, or gives, any value.
	Request, Reply reflect.Type
}

// Names returns the names of the methods, sorted.
func (s *Spec) Names() []string { return slices.Sorted(maps.Keys(s.Methods)) }

// UnknownMethod is the error of a call of a method that the kind does not have: it lists those that it has.
func (s *Spec) UnknownMethod(method string) error {
	const shown = 64
	if len(method) > shown {
		method = method[:shown] + "..."
	}
	if len(s.Methods) == 0 {
		return api.Errorf(api.CodeUnknownMethod, "namespace %q has no method %q: it has none", s.Namespace, method)
	}
	return api.Errorf(api.CodeUnknownMethod, "namespace %q has no method %q: it has %s", s.Namespace, method,
		strings.Join(s.Names(), ", "))
}

// Accepts refuses a message from outside that the kind can't handle: its method must be one that writes, and take the
// request. It runs decoders of the author's, which may panic.
func (s *Spec) Accepts(method string, request []byte) error {
	m := s.Methods[method]
	switch {
	case m == nil:
		return s.UnknownMethod(method)
	case s.Volatile:
		return api.Errorf(api.CodeFailedPrecondition, "actors of namespace %q are volatile: they take no messages",
			s.Namespace)
	case m.ReadOnly:
		return api.Errorf(api.CodeInvalidArgument, "method %s of namespace %q only reads: a message to it would do "+
			"nothing", method, s.Namespace)
	case len(request) > api.SendBytesMax:
		return api.Errorf(api.CodeTooLarge, "message of %d bytes to method %s of namespace %q; at most %d are allowed",
			len(request), method, s.Namespace, api.SendBytesMax)
	case m.Request == nil:
		return nil
	}
	return codec.UnmarshalRequest(method, request, reflect.New(m.Request).Interface())
}

// Add adds a method. It panics if there is one of that name, which is a mistake in the program.
func (s *Spec) Add(m *Method) {
	if s.Methods[m.Name] != nil {
		panic(fmt.Sprintf("actor kind %s: method %q defined twice", s.Namespace, m.Name))
	}
	s.Methods[m.Name] = m
}

// ReadChanged is the error of a call whose reading method has changed the state. The change is undone.
func ReadChanged(id api.ActorID, method string) error {
	return api.Errorf(api.CodeInternal, "actor %s: reading method %s changed the state: declare it with actor.Write, "+
		"or work on a copy", id, method)
}
