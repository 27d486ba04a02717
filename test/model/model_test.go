// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"reflect"
	"testing"
)

// statesMax bounds explorations: of small budgets, which are those of go test.
const statesMax = 3_000_000

// breach is what happens without a rule: with which budget, which promise breaks, and after how many steps at the
// earliest.
type breach[B comparable] struct {
	budget B
	broken string
	steps  int
}

// mustHold explores a machine that has all its rules.
func mustHold[S comparable](t *testing.T, m *Machine[S], limit int) {
	t.Helper()
	r, err := Explore(m, limit)
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation != "" {
		t.Fatal(r)
	}
	t.Log(r)
}

// mustBreak explores a machine that is to break a promise after some steps at the earliest.
func mustBreak[S comparable](t *testing.T, m *Machine[S], broken string, steps int) {
	t.Helper()
	r, err := Explore(m, statesMax)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if r.Violation != broken || len(r.Trace) != steps {
		t.Errorf("found %q after %d steps, want %q after %d", r.Violation, len(r.Trace), broken, steps)
	}
}

// mustNeedEachRule explores a machine without each of its rules, which are the fields of all, and wants the breach that
// is given for it.
func mustNeedEachRule[R any, B, S comparable](
	t *testing.T, machine func(R, B) *Machine[S], all R, breaches map[string]breach[B],
) {
	t.Helper()
	held := make(map[B]bool)
	for field := range reflect.TypeOf(all).Fields() {
		t.Run(field.Name, func(t *testing.T) {
			want, ok := breaches[field.Name]
			if !ok {
				t.Fatal("nothing shows what this rule is for")
			}
			if !held[want.budget] {
				mustHold(t, machine(all, want.budget), statesMax)
				held[want.budget] = true
			}
			rules := all
			reflect.ValueOf(&rules).Elem().FieldByIndex(field.Index).SetBool(false)
			mustBreak(t, machine(rules, want.budget), want.broken, want.steps)
		})
	}
}
