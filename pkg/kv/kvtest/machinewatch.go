// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"errors"
	"fmt"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// machineWatch is a watch and what it has to tell.
type machineWatch struct {
	kv.Watch
	key  string
	seen []byte
	// differs: the key has another value now than was seen. may: it had, or was perhaps given one by the watching
	// transaction.
	differs, may bool
}

func (w *machineWatch) look(now pairs) {
	value, ok := now[w.key]
	w.differs = ok != (w.seen != nil) || !bytes.Equal(value, w.seen)
	w.may = w.may || w.differs
}

func (m *machine) watch(t *rapid.T) error {
	i, tx := m.draw(t)
	key := drawKey(t)
	m.step(i, "watch %q", key)
	if err := m.fix(tx); err != nil {
		return err
	}
	watch, err := tx.Watch(m.ctx, []byte(key))
	if tx.failed == nil && tx.unreadable&setOf(key) != 0 { // the watch fails, and the transaction is none the worse
		if err == nil {
			tx.unreadableWatches = append(tx.unreadableWatches, watch)
			err = wantUnreadable(key, watch.Wait(m.ctx))
		}
		m.answered("%v", err)
		return err
	}
	if done, err := m.failing(tx, err, setOf(key)); done {
		return err
	}
	tx.may |= setOf(key) // stores may or may not count it as a read
	tx.watches = append(tx.watches, &machineWatch{Watch: watch, key: key, seen: tx.view()[key]})
	return nil
}

func wantUnreadable(key string, err error) error {
	if errors.Is(err, kv.ErrUnreadable) {
		return nil
	}
	return fmt.Errorf("the watch of %q, which was unreadable, ends with %v", key, err)
}

// settle arms the watches of a transaction that has committed, and checks that the others have ended.
func (m *machine) settle(tx *machineTx, committed bool) error {
	for _, watch := range tx.unreadableWatches {
		if err := wantUnreadable("a key", watch.Wait(m.ctx)); err != nil {
			return err
		}
		watch.Cancel()
	}
	for _, watch := range tx.watches {
		watch.may = watch.may || tx.wrote&setOf(watch.key) != 0
		if committed {
			watch.look(m.model.last().after)
			m.watches = append(m.watches, watch)
			continue
		}
		if err := watch.Wait(m.ctx); !errors.Is(err, kv.ErrCancelled) && (err != nil || !watch.may) {
			return fmt.Errorf("the watch of %q ends with %v, want %w", watch.key, err, kv.ErrCancelled)
		}
	}
	return nil
}

// watched looks at a watch: it must have fired if its key has changed, and not if nothing has happened to it.
func (m *machine) watched(t *rapid.T) error {
	if len(m.watches) == 0 {
		t.Skip("there are no watches")
	}
	n := rapid.IntRange(0, len(m.watches)-1).Draw(t, "watch")
	watch := m.watches[n]
	m.step(0, "look at watch %d, of %q", n, watch.key)
	ctx, cancel := env.WithCancel(m.ctx)
	defer cancel()
	if !watch.differs {
		cancel()
	}
	err := watch.Wait(ctx)
	switch {
	case watch.differs && err != nil:
		return fmt.Errorf("the watch of a key that has changed: %w", err)
	case !watch.may && err == nil:
		return errors.New("the watch of a key that has not changed has fired")
	}
	if err == nil {
		watch.Cancel()
		m.watches = append(m.watches[:n:n], m.watches[n+1:]...)
	}
	return nil
}
