// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// hangingKind is a kind whose handlers may be made not to return.
type hangingKind struct{ spec kind.Spec }

// Spec implements actor.Kind.
func (k *hangingKind) Spec() *kind.Spec { return &k.spec }

// hanging returns the kind as a process hosts it: when a handler is to hang it does all its work first, whatever its
// context says, as one does that waits for something outside.
func (l *life) hanging(k actor.Kind) actor.Kind {
	h := &hangingKind{*k.Spec()}
	h.spec.Methods = make(map[string]*kind.Method)
	for name, m := range k.Spec().Methods { //kelpie:unordered a copy of a map
		method := *m
		method.Run = func(t kind.Turn, state any, request []byte) ([]byte, error) {
			reply, err := m.Run(t, state, request)
			l.hangNow()
			return reply, err
		}
		h.spec.Methods[name] = &method
	}
	return h
}

func (l *life) hangNow() {
	d := l.hang
	if d == 0 {
		return
	}
	l.hang = 0
	l.counts["hang"]++
	for end := l.now() + d; l.now() < end && !l.calm; {
		_ = env.Sleep(l.env, context.Background(), 100*time.Millisecond) // nothing ends it
	}
}

// hangHandler has the next handler that runs on a node not return for a while.
func (w *world) hangHandler(args []string) {
	if l := w.life(args[0]); l != nil {
		l.hang = duration(args[1])
	}
}
