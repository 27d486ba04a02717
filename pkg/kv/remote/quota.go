// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"slices"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// holder is who is counted: a connection. What it sends in the control class counts apart, so that a heartbeat does
// not wait behind the data of its own process.
type holder struct {
	address string
	control bool
}

func holderOf(req *rpc.Request) holder {
	return holder{address: req.Peer().Address, control: req.Class() == rpc.ClassControl}
}

// quota divides a number of units among holders, none of whom can starve the others: nobody holds more than a share,
// nor more than is left for all others together. So n who take what they can have total/(n+1) each, and who comes
// next finds as much.
//
// Who waits has its turn after those of its own that came before, and in rotation with the others.
type quota struct {
	env   env.Env
	share int64

	mu   sync.Mutex
	free int64
	// accounts are of those who hold something or wait.
	accounts map[holder]*account
	// turns are the accounts that wait, in the order of their turns.
	turns []*account
}

type account struct {
	held    int64
	waiting []*turn
}

// turn is a task that waits for n units.
type turn struct {
	n       int64
	granted bool
	parker  env.Parker
}

func newQuota(e env.Env, total, share int64) *quota {
	return &quota{env: e, share: share, free: total, accounts: make(map[holder]*account)}
}

// try takes n units and reports whether it did: not if there is no room, or others of the holder wait.
func (q *quota) try(who holder, n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take(who, q.account(who), n)
}

// wait takes n units, of which there are enough as long as nobody holds any. It blocks until they are there, or until
// ctx ends, and returns the cause of that.
func (q *quota) wait(ctx context.Context, who holder, n int64) error {
	t := q.enter(who, n)
	if t == nil {
		return nil
	}
	err := t.parker.Park(ctx)
	if err == nil || !q.leave(who, t) {
		return nil
	}
	return err
}

// give returns n units.
func (q *quota) give(who holder, n int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.account(who)
	if n > a.held {
		panic("remote: more given back to a quota than was taken")
	}
	a.held -= n
	q.free += n
	q.forget(who, a)
	q.rotate()
}

// enter takes n units and returns nil, or returns the turn to wait for.
func (q *quota) enter(who holder, n int64) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.account(who)
	if q.take(who, a, n) {
		return nil
	}
	t := &turn{n: n, parker: q.env.NewParker()}
	a.waiting = append(a.waiting, t)
	q.accounts[who] = a
	if len(a.waiting) == 1 {
		q.turns = append(q.turns, a)
	}
	return t
}

// leave gives a turn up, and reports whether it had not come.
func (q *quota) leave(who holder, t *turn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.granted {
		return false
	}
	a := q.account(who)
	a.waiting = slices.DeleteFunc(a.waiting, func(other *turn) bool { return other == t })
	if len(a.waiting) == 0 {
		q.turns = slices.DeleteFunc(q.turns, func(other *account) bool { return other == a })
	}
	q.forget(who, a)
	q.rotate()
	return true
}

// account returns that of a holder. The lock is held.
func (q *quota) account(who holder) *account {
	if a := q.accounts[who]; a != nil {
		return a
	}
	return new(account)
}

// take takes n units for one of whom nobody waits, if there is room. The lock is held.
func (q *quota) take(who holder, a *account, n int64) bool {
	if len(a.waiting) > 0 || !q.room(a, n) {
		return false
	}
	a.held += n
	q.free -= n
	q.accounts[who] = a
	return true
}

func (q *quota) room(a *account, n int64) bool { return a.held+n <= min(q.share, q.free-n) }

// forget drops an account that is of no more use. The lock is held.
func (q *quota) forget(who holder, a *account) {
	if a.held == 0 && len(a.waiting) == 0 {
		delete(q.accounts, who)
	}
}

// rotate lets those go on whose turn it is and for whom there is room. The lock is held.
func (q *quota) rotate() {
	for i := 0; i < len(q.turns); {
		a := q.turns[i]
		t := a.waiting[0]
		if !q.room(a, t.n) {
			i++
			continue
		}
		a.held += t.n
		q.free -= t.n
		a.waiting = a.waiting[1:]
		t.granted = true
		t.parker.Unpark()
		q.turns = slices.Delete(q.turns, i, i+1)
		if len(a.waiting) > 0 {
			q.turns = append(q.turns, a)
		}
	}
}
