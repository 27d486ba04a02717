// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// gate is a backend whose commits wait: those that reached it can be counted and let on.
type gate struct {
	ryw.Backend
	reached, open *env.Event
	// before: the commits wait before they are decided, not after.
	before bool
}

func (g *gate) Commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	if !g.before {
		committed, err := g.Backend.Commit(context.Background(), c)
		g.reached.Set()
		return committed, errors.Join(err, g.open.Wait(ctx))
	}
	g.reached.Set()
	if err := g.open.Wait(ctx); err != nil {
		return ryw.Committed{}, err
	}
	return g.Backend.Commit(ctx, c)
}

// TestServerDiesInCommit shows that a commit without an answer is unknown: it may have happened, or not.
func TestServerDiesInCommit(t *testing.T) {
	for _, happened := range []bool{true, false} {
		t.Run(fmt.Sprintf("happened=%v", happened), func(t *testing.T) {
			envtest.Both(t, func(t *testing.T, e env.Env) {
				var g *gate
				f := newFixture(t, e, func(b ryw.Backend) ryw.Backend {
					g = &gate{Backend: b, reached: env.NewEvent(e), open: env.NewEvent(e), before: !happened}
					return g
				})
				defer f.close()
				result := env.NewFuture[struct{}](e)
				e.Go("commit", func() {
					tx := f.begin()
					tx.Set([]byte("k"), []byte("v"))
					result.Complete(struct{}{}, tx.Commit(f.ctx))
				})
				f.must(g.reached.Wait(f.ctx))
				f.crash()
				_, err := result.Wait(f.ctx)
				f.want("commit", err, kv.ErrCommitUnknown)

				f.start(nil)
				want := map[bool]string{true: "v", false: ""}[happened]
				f.wantValue("k", want)
			})
		})
	}
}

// TestServerRestartsInTransaction shows that a transaction that read from the server's former life can't commit, and
// one that only writes can.
func TestServerRestartsInTransaction(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		f := newFixture(t, e, nil)
		defer f.close()
		f.put("k", "1")
		reader, committer, blind := f.begin(), f.begin(), f.begin()
		for _, tx := range []kv.Tx{reader, committer} {
			_, err := tx.Get(f.ctx, []byte("k"))
			f.must(err)
		}
		committer.Set([]byte("k"), []byte("2"))
		blind.Set([]byte("blind"), []byte("3"))
		f.crash()
		f.start(nil)

		_, err := reader.Get(f.ctx, []byte("l"))
		f.want("read", err, kv.ErrTooOld)
		f.want("commit", committer.Commit(f.ctx), kv.ErrTooOld)
		f.want("blind commit", blind.Commit(f.ctx), nil)
		f.wantValue("k", "1")
		f.wantValue("blind", "3")
	})
}

// TestServerComesBack shows that what was not sent is sent when the server is there.
func TestServerComesBack(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		f := newFixture(t, e, nil)
		defer f.close()
		f.put("k", "1")
		f.crash()
		// A commit on a connection that the client believes in is sent, and its end unknown: let the client notice.
		f.pool.Disconnect(addr, "the server has crashed")
		done := env.NewGroup(e, f.ctx)
		defer done.Stop()
		done.Go("commit", func(ctx context.Context) {
			tx := f.begin()
			tx.Set([]byte("k"), []byte("2"))
			f.want("commit", tx.Commit(ctx), nil)
		})
		done.Go("read", func(ctx context.Context) {
			_, err := f.begin().Get(ctx, []byte("k"))
			f.want("read", err, nil)
		})
		f.must(env.Sleep(e, f.ctx, 20*time.Millisecond))
		f.start(nil)
		f.must(done.Wait(f.ctx))
		f.wantValue("k", "2")
	})
}

// TestServerStaysAway shows how long a client tries: a commit until its context ends, a read no longer than a read
// version lives.
func TestServerStaysAway(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		f := newFixture(t, e, nil)
		f.put("k", "1")
		old := f.begin()
		_, err := old.ReadVersion(f.ctx)
		f.must(err)
		f.crash()
		for name, read := range map[string]func(ctx context.Context) error{
			"read version": func(ctx context.Context) error { _, err := f.begin().ReadVersion(ctx); return err },
			"get":          func(ctx context.Context) error { _, err := old.Get(ctx, []byte("k")); return err },
			"range": func(ctx context.Context) error {
				_, _, err := f.begin().Range(ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
				return err
			},
		} {
			began := e.Monotonic()
			f.want(name, read(f.ctx), kv.ErrUnavailable)
			if took := e.Monotonic() - began; took < 4*time.Second || took > 10*time.Second {
				t.Errorf("%s gave up after %v, want about 5 s", name, took)
			}
			short, cancel := env.WithTimeout(e, f.ctx, time.Second)
			f.want(name+" with a deadline", read(short), context.DeadlineExceeded)
			cancel()
		}
		short, cancel := env.WithTimeout(e, f.ctx, time.Minute)
		defer cancel()
		tx := f.begin()
		tx.Set([]byte("k"), []byte("2"))
		began := e.Monotonic()
		err = tx.Commit(short)
		f.want("commit", err, kv.ErrCommitUnknown)
		if took := e.Monotonic() - began; took < 59*time.Second || took > 61*time.Second {
			t.Errorf("the commit gave up after %v, want a minute", took)
		}
		f.must(f.store.Close())
		f.pool.Close()
	})
}

// TestCommitAnswers shows which answers make a client send a commit again, and what it says of the others.
func TestCommitAnswers(t *testing.T) {
	stored := func(e *kv.Error) error {
		return &api.Error{Code: api.CodeStore, Message: e.Message,
			Detail: map[string]string{"code": fmt.Sprint(e.Code)}}
	}
	for _, c := range []struct {
		name   string
		answer error
		sent   int // how often
		want   error
	}{
		{"unavailable", &api.Error{Code: api.CodeUnavailable}, 3, nil},
		{"overloaded", &api.Error{Code: api.CodeOverloaded}, 3, nil},
		{"unknown", &api.Error{Code: api.CodeUnknown}, 1, kv.ErrCommitUnknown},
		{"deadline", &api.Error{Code: api.CodeDeadlineExceeded}, 1, kv.ErrCommitUnknown},
		{"cancelled", &api.Error{Code: api.CodeCancelled}, 1, kv.ErrCommitUnknown},
		{"internal", errors.New("a defect"), 1, kv.ErrCommitUnknown},
		{"conflict", stored(kv.ErrConflict), 1, kv.ErrConflict},
		{"too old", stored(kv.ErrTooOld), 1, kv.ErrTooOld},
		{"too large", stored(kv.ErrTxTooLarge), 1, kv.ErrTxTooLarge},
		{"commit unknown", stored(kv.ErrCommitUnknown), 1, kv.ErrCommitUnknown},
		{"store unavailable", stored(kv.ErrUnavailable), 1, kv.ErrCommitUnknown},
		{"unknown number", stored(&kv.Error{Code: 4711}), 1, kv.ErrCommitUnknown},
		{"store without number", &api.Error{Code: api.CodeStore}, 1, kv.ErrCommitUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			envtest.Both(t, func(t *testing.T, e env.Env) {
				sent := 0
				mux := rpc.NewMux()
				mux.Handle("store.commit", func(context.Context, *rpc.Request) ([]byte, error) {
					if sent++; sent < 3 {
						return nil, c.answer
					}
					return []byte{0x92, 7, 0}, nil
				})
				f := newScripted(t, e, mux)
				defer f.close()
				tx := f.begin()
				tx.Set([]byte("k"), []byte("v"))
				f.want("commit", tx.Commit(f.ctx), c.want)
				if sent != c.sent {
					t.Errorf("sent %d times, want %d", sent, c.sent)
				}
			})
		})
	}
}

// TestClasses shows in which class requests travel.
func TestClasses(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		var commit, other rpc.Class
		mux := rpc.NewMux()
		mux.Handle("store.read_version", func(_ context.Context, req *rpc.Request) ([]byte, error) {
			other = req.Class()
			return []byte{7}, nil
		})
		mux.Handle("store.commit", func(_ context.Context, req *rpc.Request) ([]byte, error) {
			commit = req.Class()
			return []byte{0x92, 7, 0}, nil
		})
		f := newScripted(t, e, mux)
		defer f.close()
		for _, c := range []struct {
			priority             kv.Priority
			bytes                int
			wantOther, wantClass rpc.Class
		}{
			{kv.PriorityDefault, 10, rpc.ClassCall, rpc.ClassCall},
			{kv.PriorityDefault, 90_000, rpc.ClassCall, rpc.ClassBulk},
			{kv.PriorityHigh, 10, rpc.ClassControl, rpc.ClassControl},
		} {
			tx := f.store.Begin(kv.TxOptions{Priority: c.priority})
			_, err := tx.ReadVersion(f.ctx)
			f.must(err)
			tx.Set([]byte("k"), make([]byte, c.bytes))
			f.must(tx.Commit(f.ctx))
			if other != c.wantOther || commit != c.wantClass {
				t.Errorf("%+v: read version in class %v, commit in %v", c, other, commit)
			}
		}
	})
}

// TestWatchesAreLost shows that a watch ends with its connection and with the service, and
// that the server's end does not wait for it.
func TestWatchesAreLost(t *testing.T) {
	for name, lose := range map[string]func(f *fixture){
		"crash":    func(f *fixture) { f.crash() },
		"graceful": func(f *fixture) { f.must(f.server.close()) },
	} {
		t.Run(name, func(t *testing.T) {
			envtest.Both(t, func(t *testing.T, e env.Env) {
				f := newFixture(t, e, nil)
				tx := f.begin()
				w, err := tx.Watch(f.ctx, []byte("k"))
				f.must(err)
				f.must(tx.Commit(f.ctx))
				waiting := env.NewGroup(e, f.ctx)
				defer waiting.Stop()
				waiting.Go("watch", func(ctx context.Context) { f.want("watch", w.Wait(ctx), kv.ErrUnavailable) })
				f.put("other", "1")
				lose(f)
				f.must(waiting.Wait(f.ctx))
				f.must(f.store.Close())
				f.pool.Close()
			})
		})
	}
}

// TestWatchesAreBounded shows that a connection can't make the server keep any number of watches, and that those
// given up make room.
func TestWatchesAreBounded(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		f := newFixture(t, e, nil)
		defer f.close()
		const n = 1100
		watches := make([]kv.Watch, n)
		lost, waiting := 0, env.NewGroup(e, f.ctx)
		for i := range watches {
			tx := f.begin()
			w, err := tx.Watch(f.ctx, []byte("k"))
			f.must(err)
			f.must(tx.Commit(f.ctx))
			watches[i] = w
			waiting.Go("watch", func(ctx context.Context) {
				if err := w.Wait(ctx); errors.Is(err, kv.ErrUnavailable) {
					lost++
				} else {
					f.want("watch", err, kv.ErrCancelled)
				}
			})
		}
		f.must(env.Sleep(e, f.ctx, time.Second))
		if lost != n-1024 {
			t.Errorf("%d of %d watches were refused", lost, n)
		}
		for _, w := range watches {
			w.Cancel()
		}
		f.must(waiting.Wait(f.ctx))
		f.must(env.Sleep(e, f.ctx, time.Second))
		checkWatch(f)
	})
}

// checkWatch checks that a watch works.
func checkWatch(f *fixture) {
	f.Helper()
	tx := f.begin()
	w, err := tx.Watch(f.ctx, []byte("k"))
	f.must(err)
	f.must(tx.Commit(f.ctx))
	f.put("k", "changed")
	f.want("watch", w.Wait(f.ctx), nil)
}

// TestLargeAnswers shows that what does not fit into one answer comes in several.
func TestLargeAnswers(t *testing.T) {
	f := newFixture(t, env.Real(), nil)
	defer f.close()
	const n, valueBytes = 300, 60_000
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "%04d", i)
	}
	for i := 0; i < n; i += 100 {
		tx := f.begin()
		for _, key := range keys[i : i+100] {
			tx.Set(key, make([]byte, valueBytes))
		}
		f.must(tx.Commit(f.ctx))
	}
	values, err := f.begin().GetAll(f.ctx, keys...)
	f.must(err)
	for i, value := range values {
		if len(value) != valueBytes {
			t.Errorf("value %d has %d bytes", i, len(value))
		}
	}
	for _, opt := range []kv.RangeOptions{{BytesMax: 1 << 30}, {BytesMax: 1 << 30, Reverse: true},
		{BytesMax: 1 << 30, Limit: 200}} {
		pairs, more, err := f.begin().Range(f.ctx, nil, []byte{0xff}, opt)
		want := n
		if opt.Limit > 0 {
			want = opt.Limit
		}
		if err != nil || len(pairs) != want || more != (opt.Limit > 0) {
			t.Errorf("%+v: %d pairs, more %v, %v", opt, len(pairs), more, err)
		}
	}
}

// TestMalformedRequests shows that a server refuses what is no request, and serves on.
func TestMalformedRequests(t *testing.T) {
	f := newFixture(t, env.Real(), nil)
	defer f.close()
	for _, method := range []string{"store.read_version", "store.get_all", "store.range", "store.begin_get_all",
		"store.begin_range", "store.commit", "store.watch", "store.pin", "store.unpin"} {
		for _, payload := range []string{"", "\xc1", "\x95", "\x95\x00\x00\x90\x90\x93\x00\xc4\x01\xff\xc4\x00"} {
			_, err := f.pool.Call(f.ctx, addr, rpc.ClassCall, method, []byte(payload))
			if code := api.CodeOf(err); code != api.CodeInvalidArgument && code != api.CodeStore {
				t.Errorf("%s of %x: %v", method, payload, err)
			}
		}
	}
	f.put("k", "1")
	f.wantValue("k", "1")
}
