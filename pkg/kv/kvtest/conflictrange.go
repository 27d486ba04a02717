// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	conflictRangeRounds = 400
	conflictRangeKeys   = 40
)

// testConflictRange is FoundationDB's workload of that name. A transaction reads, another writes at random and
// commits, and the store itself is asked what the read would give now: if that is something else the first must
// conflict; if nothing was written in the whole range it must not. No model says so.
func testConflictRange(w *world) {
	rnd := env.NewRand(1, 0x636f6e66)
	missed, spared := 0, 0
	for round := range conflictRangeRounds {
		c := &conflictRound{world: w, rnd: rnd}
		conflict, err := c.run()
		if err != nil {
			w.Fatalf("round %d: %v", round, err)
		}
		if conflict {
			missed++
		} else {
			spared++
		}
	}
	if min(missed, spared) < conflictRangeRounds/10 {
		w.Errorf("%d rounds with a conflict and %d without: too few of a kind to show anything", missed, spared)
	}
}

// conflictRound is one pair of transactions.
type conflictRound struct {
	*world
	rnd *env.Rand
	// from and to bound all that is read.
	from, to int
	// written is the keys that the second transaction wrote.
	written [conflictRangeKeys]bool
}

func conflictKey(i int) []byte { return fmt.Appendf(nil, "conflict/%02d", i) }

func (c *conflictRound) span() (begin, end int) {
	begin = c.rnd.IntN(conflictRangeKeys)
	return begin, begin + 1 + c.rnd.IntN(min(8, conflictRangeKeys-begin))
}

// run reports whether the first transaction conflicted.
func (c *conflictRound) run() (conflict bool, err error) {
	first := c.beginNow()
	own := c.world.begin() // reads as first does, with the same writes of its own, but later
	c.ownWrites(first, own)
	read := c.randomRead()
	if c.rnd.IntN(2) == 0 { // the read itself may come before or after the other's commit
		if _, err := read(first); err != nil {
			return false, err
		}
	}
	if err := c.other(); err != nil {
		return false, err
	}
	before, err := read(first)
	if err != nil {
		return false, err
	}
	now, err := read(own)
	if err != nil {
		return false, err
	}
	first.Set([]byte("conflict-result"), nil)
	err = first.Commit(c.ctx)
	conflict = errors.Is(err, kv.ErrConflict)
	switch {
	case err != nil && !conflict:
		return conflict, err
	case !conflict && before != now:
		return conflict, fmt.Errorf("committed after reading %s, which was %s by then", before, now)
	case conflict && !c.touched():
		return conflict, fmt.Errorf("conflict, although nothing between %d and %d was written", c.from, c.to)
	}
	return conflict, nil
}

// ownWrites gives both transactions the same writes, to read through.
func (c *conflictRound) ownWrites(txs ...kv.Tx) {
	for range c.rnd.IntN(3) {
		i, kind := c.rnd.IntN(conflictRangeKeys), c.rnd.IntN(3)
		for _, tx := range txs {
			switch kind {
			case 0:
				tx.Set(conflictKey(i), []byte("own"))
			case 1:
				tx.Clear(conflictKey(i))
			case 2:
				tx.Atomic(kv.AtomicAppendIfFits, conflictKey(i), []byte("own"))
			}
		}
	}
}

// randomRead returns a read that can be done several times, its outcome as text.
func (c *conflictRound) randomRead() func(tx kv.Tx) (string, error) {
	c.from, c.to = c.span()
	begin, end := conflictKey(c.from), conflictKey(c.to)
	switch c.rnd.IntN(3) {
	case 0:
		c.to = c.from + 1
		return func(tx kv.Tx) (string, error) {
			value, err := tx.Get(c.ctx, begin)
			return fmt.Sprintf("%q (nil: %v)", value, value == nil), err
		}
	case 1:
		sel := kv.KeySelector{Key: begin, OrEqual: c.rnd.IntN(2) == 0, Offset: c.rnd.IntN(5) - 2}
		c.from, c.to = 0, conflictRangeKeys
		return func(tx kv.Tx) (string, error) {
			key, err := tx.GetKey(c.ctx, sel)
			return fmt.Sprintf("%q", key), err
		}
	}
	opt := kv.RangeOptions{Limit: c.rnd.IntN(4), Reverse: c.rnd.IntN(2) == 0}
	return func(tx kv.Tx) (string, error) {
		pairs, _, err := tx.Range(c.ctx, begin, end, opt)
		return fmt.Sprintf("%q", pairs), err
	}
}

// other writes and clears at random, as a transaction of its own.
func (c *conflictRound) other() error {
	tx := c.world.begin()
	for range 1 + c.rnd.IntN(4) {
		begin, end := c.span()
		switch c.rnd.IntN(4) {
		case 0:
			tx.ClearRange(conflictKey(begin), conflictKey(end))
		case 1:
			tx.Clear(conflictKey(begin))
			end = begin + 1
		default:
			tx.Set(conflictKey(begin), fmt.Append(nil, c.rnd.IntN(1000)))
			end = begin + 1
		}
		for i := begin; i < end; i++ {
			c.written[i] = true
		}
	}
	return tx.Commit(c.ctx)
}

// touched reports whether anything was written between the bounds of the read.
func (c *conflictRound) touched() bool {
	for i := c.from; i < c.to; i++ {
		if c.written[i] {
			return true
		}
	}
	return false
}
