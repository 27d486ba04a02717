// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// blocks is an engine of which a range of keys can't be read.
type blocks struct {
	occ.Engine
	from, to []byte
}

func (b *blocks) Snapshot() occ.Snapshot { return &blocksSnapshot{b.Engine.Snapshot(), b} }

type blocksSnapshot struct {
	occ.Snapshot
	blocks *blocks
}

func (s *blocksSnapshot) damaged(key []byte) bool {
	return bytes.Compare(key, s.blocks.from) >= 0 && bytes.Compare(key, s.blocks.to) < 0
}

func (s *blocksSnapshot) Get(key []byte) ([]byte, error) {
	if s.damaged(key) {
		return nil, kv.ErrCorrupt
	}
	return s.Snapshot.Get(key)
}

func (s *blocksSnapshot) Range(begin, end []byte, reverse bool, f func(key, value []byte) bool) error {
	damaged := false
	err := s.Snapshot.Range(begin, end, reverse, func(key, value []byte) bool {
		damaged = s.damaged(key)
		return !damaged && f(key, value)
	})
	if err == nil && damaged {
		err = kv.ErrCorrupt
	}
	return err
}

// TestCheckGoesOnBehindDamage checks a store of which a block can't be read, and that has other problems before and
// behind that: all are told.
func TestCheckGoesOnBehindDamage(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e, ctx := s.Machine(coro.MainMachine), context.Background()
		engine := &blocks{Engine: occ.NewMemory()}
		store, err := occ.Open(e, engine, occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		key := func(i int) []byte { return fmt.Appendf(nil, "\x01key/%03d", i) }
		tx := store.Begin(kv.TxOptions{})
		for i := range 100 {
			tx.Set(key(i), []byte("v"))
		}
		tx.Set([]byte("\x02kelpie\x00\x02bogus\x00"), nil)
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		for name, bounds := range map[string][2][]byte{
			"in the middle": {key(40), key(60)}, "at the beginning": {key(0), key(7)}, "one key": {key(33), key(34)},
			"at the end": {key(90), []byte("\x01l")},
		} {
			engine.from, engine.to = bounds[0], bounds[1]
			var problems []string
			report := func(p registry.Problem) { problems = append(problems, p.What) }
			checked, err := Check(ctx, e, store, report, Options{})
			said := strings.Join(problems, "\n")
			if err != nil || strings.Count(said, "can't be read") == 0 || !strings.Contains(said, "does not know") {
				t.Errorf("%s: %v, %q", name, err, problems)
			}
			if bounds[1] != nil && name == "one key" && checked.Keys != 100 {
				t.Errorf("%s: only %d keys are read", name, checked.Keys)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}
