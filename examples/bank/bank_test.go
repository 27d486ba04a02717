// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
)

// alice is one account, without a node around it.
type alice struct {
	*testing.T
	*actortest.Actors
}

func newAlice(t *testing.T) *alice { return &alice{t, actortest.New(accounts)} }

func call[Req, Resp any](a *alice, m actor.Method[Req, Resp], request Req) (Resp, error) {
	return m.On(a, "alice").Call(context.Background(), request)
}

func (a *alice) wantBalance(want int64) {
	a.Helper()
	if got, err := call(a, balance, actor.None{}); err != nil || got != want {
		a.Errorf("balance %d (%v), want %d", got, err, want)
	}
}

func TestBookings(t *testing.T) {
	a := newAlice(t)
	a.wantBalance(0)
	if got, err := call(a, deposit, booking{1000, "salary"}); err != nil || got != 1000 {
		t.Errorf("deposit: %d, %v", got, err)
	}
	if got, err := call(a, withdraw, booking{300, "rent"}); err != nil || got != 700 {
		t.Errorf("withdraw: %d, %v", got, err)
	}
	a.wantBalance(700)
	all := []entry{
		{Number: 1, Amount: 1000, Text: "salary", Balance: 1000},
		{Number: 2, Amount: -300, Text: "rent", Balance: 700},
	}
	for _, test := range []struct {
		request statementRequest
		want    []entry
	}{
		{statementRequest{}, all},
		{statementRequest{Limit: 1}, all[:1]},
		{statementRequest{From: 2}, all[1:]},
		{statementRequest{From: 3}, nil},
	} {
		got, err := call(a, statement, test.request)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("statement %+v: %+v (%v), want %+v", test.request, got, err, test.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	a := newAlice(t)
	if _, err := call(a, deposit, booking{5, ""}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		method  actor.Method[booking, int64]
		request booking
		code    string
	}{
		{deposit, booking{0, ""}, codeAmount},
		{withdraw, booking{-1, ""}, codeAmount},
		{deposit, booking{math.MaxInt64, ""}, codeAmount},
		{deposit, booking{1, strings.Repeat("x", textBytesMax+1)}, codeText},
		{withdraw, booking{6, ""}, codeInsufficient},
	} {
		_, err := call(a, test.method, test.request)
		wantCode(t, err, test.code)
	}
	_, err := call(a, statement, statementRequest{Limit: statementLimit + 1})
	wantCode(t, err, codeLimit)
	a.wantBalance(5)
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if actor.ErrorCode(err) != code {
		t.Errorf("%v, want %s", err, code)
	}
}
