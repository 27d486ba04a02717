// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// crashWriter commits one transaction after the other, by which its part of the store comes from one of states to the
// next. Each writes several keys, or clears them, and an entry of a log that is in the order of commits.
type crashWriter struct {
	name         string
	seed         uint64
	begun, acked atomic.Int64
	least, most  int64                       // what a disk may be at after the last crash
	states       map[int64]map[string]string // by the number of the last transaction
	stamps       map[int64]string            // where in the log a transaction is, if that was told or seen
}

func newCrashWriter(name string, seed uint64) *crashWriter {
	return &crashWriter{name: name, seed: seed, states: map[int64]map[string]string{0: {}}, stamps: map[int64]string{}}
}

// commit commits the next transaction.
func (w *crashWriter) commit(store kv.Store) error {
	n := w.acked.Load() + 1
	tx := store.Begin(kv.TxOptions{})
	w.states[n] = w.fill(tx, n)
	w.begun.Store(n)
	if err := tx.Commit(context.Background()); err != nil {
		return fmt.Errorf("transaction %d of %s: %w", n, w.name, err)
	}
	stamp, err := tx.Versionstamp()
	if err != nil {
		return err
	}
	w.stamps[n] = string(stamp)
	w.acked.Store(n)
	return nil
}

// fill makes the nth transaction, and returns the state after it.
func (w *crashWriter) fill(tx kv.Tx, n int64) map[string]string {
	rng := rand.New(rand.NewPCG(w.seed, uint64(n)))
	state := maps.Clone(w.states[n-1])
	set := func(key, value string) {
		tx.Set([]byte(key), []byte(value))
		state[key] = value
	}
	key := func() string { return fmt.Sprintf("%s/%02d", w.name, rng.IntN(12)) }
	for range 1 + rng.IntN(5) {
		a, b := key(), key()
		switch {
		case rng.IntN(5) == 0 && a < b:
			tx.ClearRange([]byte(a), []byte(b))
			maps.DeleteFunc(state, func(key, _ string) bool { return a <= key && key < b })
		case rng.IntN(5) == 0:
			tx.Clear([]byte(a))
			delete(state, a)
		default:
			set(a, strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(1500)))
		}
	}
	set(w.name+"/last", strconv.FormatInt(n, 10))
	tx.Atomic(kv.AtomicSetVersionstampedKey, []byte("log/0123456789\x04\x00\x00\x00"), []byte(w.name))
	return state
}

// check returns the number of the last transaction of which the store has the effects.
func (w *crashWriter) check(state map[string]string, log []string) (int64, error) {
	n := int64(0)
	if state == nil {
		state = map[string]string{}
	} else {
		var err error
		if n, err = strconv.ParseInt(state[w.name+"/last"], 10, 64); err != nil {
			return 0, err
		}
	}
	if n < w.least || n > w.most {
		return 0, fmt.Errorf("transaction %d is the last; %d was acknowledged and %d begun", n, w.least, w.most)
	}
	if !maps.Equal(state, w.states[n]) {
		return 0, fmt.Errorf("transaction %d is the last, and not all, or not only, what it has left is there", n)
	}
	if int64(len(log)) != n {
		return 0, fmt.Errorf("the log has %d of %d transactions", len(log), n)
	}
	for i, stamp := range log {
		if told, ok := w.stamps[int64(i+1)]; ok && told != stamp {
			return 0, fmt.Errorf("transaction %d is at %x, and was said to be at %x", i+1, stamp, told)
		}
		w.stamps[int64(i+1)] = stamp
	}
	return n, nil
}

// settle makes what is in the store all that there has been.
func (w *crashWriter) settle(n int64) {
	w.begun.Store(n)
	w.acked.Store(n)
	maps.DeleteFunc(w.states, func(at int64, _ map[string]string) bool { return at != n })
	maps.DeleteFunc(w.stamps, func(at int64, _ string) bool { return at > n })
}
