// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"

	"github.com/kelpiehq/kelpie/pkg/actor"
)

// account is the state of one actor of the namespace. It is in memory while the actor is active.
type account struct {
	Balance int64 `json:"balance"` // in cents, never negative
	Entries int64 `json:"entries"` // number of bookings so far
}

// entry is one booking. An account may have many: they are kept in the actor's key-value space, and read
// when they are asked for.
type entry struct {
	Number  int64  `json:"number"`
	Amount  int64  `json:"amount"` // in cents, negative for a withdrawal
	Text    string `json:"text"`
	Balance int64  `json:"balance"` // after it
}

// booking is the request of deposit and withdraw.
type booking struct {
	Amount int64  `json:"amount"`
	Text   string `json:"text"`
}

// statementRequest asks for the entries from a number on.
type statementRequest struct {
	From  int64 `json:"from"`
	Limit int   `json:"limit"` // 0 is statementLimit, which is also the most
}

const (
	textBytesMax   = 200
	statementLimit = 100
)

// The codes of the account's errors, by which callers tell them apart.
const (
	codeAmount       = "amount"
	codeText         = "text"
	codeInsufficient = "insufficient_funds"
	codeLimit        = "limit"
)

// accounts is every actor account/ID, of which each handles one call at a time.
var accounts = actor.New[account]("account")

// The methods of an account. Each is a reference, by which other actors and clients call it.
var (
	deposit = actor.Write(accounts, "deposit", func(ctx *actor.Context, a *account, b booking) (int64, error) {
		return a.book(ctx, b, b.Amount)
	})
	withdraw = actor.Write(accounts, "withdraw", func(ctx *actor.Context, a *account, b booking) (int64, error) {
		return a.book(ctx, b, -b.Amount)
	})
	balance = actor.Read(accounts, "balance", func(_ *actor.Context, a *account, _ actor.None) (int64, error) {
		return a.Balance, nil
	})
	statement = actor.Read(accounts, "statement", listEntries)
)

// book changes the balance, and writes the entry that says so. Both happen, or neither: after an error
// the state is as it was before the call.
func (a *account) book(ctx *actor.Context, b booking, change int64) (int64, error) {
	switch {
	case b.Amount <= 0:
		return 0, actor.Errorf(codeAmount, "amount %d: must be positive", b.Amount)
	case len(b.Text) > textBytesMax:
		return 0, actor.Errorf(codeText, "text of %d bytes: must have at most %d", len(b.Text), textBytesMax)
	case change > 0 && a.Balance > math.MaxInt64-change:
		return 0, actor.Errorf(codeAmount, "amount %d: more than the account can hold", b.Amount)
	case a.Balance+change < 0:
		return 0, actor.Errorf(codeInsufficient, "%s has %d, which is less than %d", ctx.Self(), a.Balance, b.Amount)
	}
	a.Balance += change
	a.Entries++
	e := entry{Number: a.Entries, Amount: change, Text: b.Text, Balance: a.Balance}
	return a.Balance, ctx.Set(entryKey(e.Number), e)
}

// listEntries lists entries in order.
func listEntries(ctx *actor.Context, _ *account, req statementRequest) ([]entry, error) {
	limit := req.Limit
	if limit == 0 {
		limit = statementLimit
	}
	if limit < 0 || limit > statementLimit {
		return nil, actor.Errorf(codeLimit, "limit %d: must be from 1 to %d, or 0 for that", limit, statementLimit)
	}
	pairs, err := ctx.Range(entryKey(max(req.From, 0)), "", limit)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(pairs))
	for i, pair := range pairs {
		if err := pair.Decode(&entries[i]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// entryKey sorts by number.
func entryKey(number int64) string { return fmt.Sprintf("%019d", number) }
