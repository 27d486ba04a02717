// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// transfer is the state of one transfer of money between two accounts, an actor of its own.
type transfer struct {
	Order order `json:"order"`
	Done  bool  `json:"done"`
}

// order says what is to be moved.
type order struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"` // in cents
}

const codeTwice = "other_order"

// transfers is every actor transfer/ID. It takes the money from one account and then gives it to the other. Each is
// the effect of a call of its own, and stays. What makes them one is that the call of the transfer has a key: whoever
// repeats it until there is an answer, over crashes of any node, has each step happen once.
//
// The handler decides by replies alone, so that it asks the same when it runs again.
var transfers = actor.New[transfer]("transfer")

var (
	run = actor.Write(transfers, "run", runTransfer)
	_   = actor.Read(transfers, "get", func(_ *actor.Context, t *transfer, _ actor.None) (transfer, error) {
		return *t, nil
	})
)

func runTransfer(ctx *actor.Context, t *transfer, o order) (bool, error) {
	switch {
	case t.Done && t.Order != o:
		return false, actor.Errorf(codeTwice, "%s has moved other money before", ctx.Self())
	case t.Done:
		return true, nil
	case o.From == o.To:
		return false, actor.Errorf(codeAmount, "%s is both ends of the transfer", o.From)
	}
	text := "transfer " + ctx.Self().ID
	if _, err := withdraw.Call(ctx, o.From, booking{o.Amount, text}); err != nil {
		return false, err
	}
	if _, err := deposit.Call(ctx, o.To, booking{o.Amount, text}); err != nil {
		if !refused(err) {
			return false, err // nobody knows; the caller asks again
		}
		if _, undo := deposit.Call(ctx, o.From, booking{o.Amount, "back: " + text}); undo != nil {
			return false, undo
		}
		return false, err
	}
	t.Order, t.Done = o, true
	return true, nil
}

// refused reports whether an account has decided against a booking: then it has not happened.
func refused(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Code == api.CodeApplication
}
