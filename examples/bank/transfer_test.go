// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

// TestMoneyIsConserved has clients move money between accounts on clusters whose nodes, store and network fail: in
// the end there is as much as there was, and every transfer that was acknowledged is in both accounts.
func TestMoneyIsConserved(t *testing.T) {
	const accountsCount, endowment = 4, 500
	simtest.Run(t, simtest.Config{Seeds: 10, Calls: 30, Program: func() sim.Program {
		var endowed int64
		moved := make(map[int]int64) // into an account, less what went out of it
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{accounts, transfers} },
			Client: func(c *sim.Client) {
				own := c.IntN(accountsCount)
				if err := c.Surely(accounts.ID(fmt.Sprint(own)), deposit.Name(), booking{endowment, "salary"},
					nil); err == nil {
					endowed, moved[own] = endowed+endowment, moved[own]+endowment
				}
				for c.More() {
					from, to := c.IntN(accountsCount), c.IntN(accountsCount)
					o := order{fmt.Sprint(from), fmt.Sprint(to), int64(1 + c.IntN(200))}
					err := c.Surely(transfers.ID(c.Unique()), run.Name(), o, nil)
					switch {
					case err == nil:
						moved[from], moved[to] = moved[from]-o.Amount, moved[to]+o.Amount
					case api.CodeOf(err) != api.CodeApplication:
						c.Errorf("a transfer came to no end: %v", err)
					}
				}
			},
			Check: func(c *sim.Client) {
				var sum int64
				for i := range accountsCount {
					var holds int64
					if err := c.Surely(accounts.ID(fmt.Sprint(i)), balance.Name(), nil, &holds); err != nil ||
						holds != moved[i] {
						c.Errorf("account %d holds %d (%v), want %d", i, holds, err, moved[i])
					}
					sum += holds
				}
				if sum != endowed {
					c.Errorf("the accounts hold %d together, and were given %d", sum, endowed)
				}
			},
		}
	}})
}
