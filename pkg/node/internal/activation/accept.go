// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// method returns the method that a call names: one of the kind, or the one that every actor has for messages from
// outside; nil for none.
func (a *Activation) method(name string) *kind.Method {
	if name == api.MethodSend {
		return &kind.Method{Name: name, Run: a.accept}
	}
	return a.Spec.Methods[name]
}

// accept takes a message from outside: the actor sends it to itself. So the message is stored in the transaction that
// answers the call, and delivered once and in order like any other.
func (a *Activation) accept(t kind.Turn, _ any, request []byte) ([]byte, error) {
	r, err := api.DecodeSendRequest(request)
	if err != nil {
		return nil, err
	}
	if err := a.Spec.Accepts(r.Method, r.Body); err != nil {
		return nil, err
	}
	return nil, t.Schedule.Send(a.Actor, r.Method, r.Body)
}
