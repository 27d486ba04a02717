// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// TestEngineFails shows that a failed write stops the store for good.
func TestEngineFails(t *testing.T) {
	inBoth(t, Options{BatchTransactions: 1}, func(s *storeTest) {
		v := s.put("x")
		watch := s.watchX()
		first := s.commit(ctx, kv.TxOptions{}, "first", 0)
		s.awaitBatch()
		second := s.commit(ctx, kv.TxOptions{}, "second", 0)
		s.awaitState(func() bool { return s.open != nil })
		third := s.commit(ctx, kv.TxOptions{}, "third", 0)
		s.awaitState(func() bool { return !s.waiting.empty() })
		refused := s.commit(ctx, kv.TxOptions{}, "refused", v, "second")
		s.engine.permits.TryPush(errDisk)
		for _, p := range []*pending{first, second, third} {
			s.wantErr("commit", p.err(), kv.ErrCommitUnknown)
			s.wantErr("commit", p.err(), errDisk)
		}
		if err := refused.err(); err == nil {
			s.Error("a conflicting transaction was committed")
		}
		s.wantErr("watch", watch.Wait(ctx), kv.ErrUnavailable)
		s.wantStopped(v, errDisk)
		s.wantErr("commit after", s.commit(ctx, kv.TxOptions{}, "after", 0).err(), kv.ErrCommitUnknown)
		s.wantErr("failure", s.Failure(ctx), errDisk)
	})
}

func (s *storeTest) watchX() kv.Watch {
	s.Helper()
	tx := s.Begin(kv.TxOptions{})
	watch, err := tx.Watch(ctx, []byte("x"))
	s.wantErr("watch", err, nil)
	s.wantErr("commit", tx.Commit(ctx), nil)
	return watch
}

func (s *storeTest) wantStopped(v kv.Version, cause error) {
	s.Helper()
	_, err := s.ReadVersion(ctx, kv.PriorityHigh)
	s.wantErr("read version", err, kv.ErrUnavailable)
	s.wantErr("read version", err, cause)
	_, err = s.GetAll(ctx, v, nil)
	s.wantErr("get", err, kv.ErrUnavailable)
	_, _, err = s.Range(ctx, v, nil, nil, kv.RangeOptions{})
	s.wantErr("range", err, kv.ErrUnavailable)
	_, err = s.Watch(ctx, nil, nil, v)
	s.wantErr("watch", err, kv.ErrUnavailable)
}

// TestOpenFails shows that a store is not opened on an engine that does not write.
func TestOpenFails(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		engine := newGatedEngine(e)
		if _, err := engine.permits.Pop(ctx); err != nil {
			t.Fatal(err)
		}
		engine.permits.TryPush(errDisk)
		if _, err := Open(e, engine, Options{}); !errors.Is(err, kv.ErrUnavailable) || !errors.Is(err, errDisk) {
			t.Errorf("got error %v", err)
		}
		if n := engine.openSnapshots(); n != 0 {
			t.Errorf("%d snapshots are open", n)
		}
	})
}

// TestClose shows that the batch on its way to the disk is finished, and what everything else gets.
func TestClose(t *testing.T) {
	inBoth(t, Options{BatchTransactions: 1}, func(s *storeTest) {
		v := s.put("x")
		watch := s.watchX()
		var commits []*pending
		for i := range 3 {
			commits = append(commits, s.commit(ctx, kv.TxOptions{}, fmt.Sprint(i), 0))
			s.awaitState(
				func() bool { return i == 0 && s.applying != nil || i == 1 && s.open != nil || !s.waiting.empty() })
		}
		closed := env.NewFuture[struct{}](s.env)
		s.env.Go("close", func() { closed.Complete(struct{}{}, s.Close()) })
		s.awaitState(func() bool { return s.stopped != nil })
		if closed.Done() {
			s.Error("closed while a batch was on its way")
		}
		s.let(1)
		s.wantErr("on its way", commits[0].err(), nil)
		s.wantErr("open", commits[1].err(), kv.ErrCommitUnknown)
		s.wantErr("waiting", commits[2].err(), kv.ErrCommitUnknown)
		_, err := closed.Wait(ctx)
		s.wantErr("close", err, nil)
		s.wantErr("watch", watch.Wait(ctx), kv.ErrUnavailable)
		s.wantStopped(v, errClosed)
	})
}

// TestCloseWaitsForReads shows that no snapshot is closed under a reader.
func TestCloseWaitsForReads(t *testing.T) {
	inBoth(t, Options{}, func(s *storeTest) {
		v := s.put("x")
		held, err := s.hold(v)
		s.wantErr("hold", err, nil)
		closed := env.NewFuture[struct{}](s.env)
		s.env.Go("close", func() { closed.Complete(struct{}{}, s.Close()) })
		s.awaitState(func() bool { return s.stopped != nil })
		if closed.Done() || s.engine.openSnapshots() == 0 {
			s.Error("closed under a reader")
		}
		value, err := held.snap.Get([]byte("x"))
		if string(value) != "x" || err != nil {
			s.Errorf("got %q, %v", value, err)
		}
		s.letGo(held)
		_, err = closed.Wait(ctx)
		s.wantErr("close", err, nil)
	})
}

// TestWatchesBound shows that watches are bounded and give their places back.
func TestWatchesBound(t *testing.T) {
	inBoth(t, Options{Watches: 2}, func(s *storeTest) {
		s.put("x")
		watch := func(key, value string) (kv.Watch, error) { return s.Watch(ctx, []byte(key), []byte(value), 1) }
		var watches []kv.Watch
		for range 2 {
			w, err := watch("x", "x")
			s.wantErr("watch", err, nil)
			watches = append(watches, w)
		}
		_, err := watch("x", "x")
		s.wantErr("third", err, kv.ErrUnavailable)
		watches[0].Cancel()
		s.wantErr("cancelled", watches[0].Wait(ctx), kv.ErrCancelled)
		changed, err := watch("x", "y")
		s.wantErr("of another value", err, nil)
		s.wantErr("of another value", changed.Wait(ctx), nil)
		missing, err := watch("y", "y")
		s.wantErr("of no value", err, nil)
		s.wantErr("of no value", missing.Wait(ctx), nil)
		tx := s.Begin(kv.TxOptions{})
		tx.ClearRange(nil, []byte("z"))
		s.let(1)
		s.wantErr("clear", tx.Commit(ctx), nil)
		s.wantErr("cleared", watches[1].Wait(ctx), nil)
		if n := s.watches.byKey.Len(); n != 0 {
			s.Errorf("%d watches are left", n)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, opt := range []Options{{Window: -1}, {Gather: -1}, {BatchBytes: -1}, {QueuedBytes: -1}, {Watches: -1},
		{BatchTransactions: 1 << 17}} {
		if s, err := Open(env.Real(), NewMemory(), opt); err == nil {
			t.Errorf("%+v: no error, closed with %v", opt, s.Close())
		}
	}
}
