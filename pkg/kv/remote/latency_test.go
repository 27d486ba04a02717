// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// latency is how long each way takes, so that what is done takes a number of round trips, and nothing else any time.
const (
	latency   = 50 * time.Millisecond
	roundTrip = 2 * latency
)

// distant runs f at a distance from the server, connected.
func distant(t *testing.T, f func(f *fixture)) {
	t.Helper()
	envtest.Simulated(t, 2, func(t *testing.T, s *coro.Scheduler) {
		fix := newFixture(t, s.Machine(coro.MainMachine), nil)
		defer fix.close()
		fix.put("k", "v")
		fix.network.SetLatency(latency)
		defer fix.network.SetLatency(0)
		f(fix)
	})
}

// wantTrips runs what takes a number of round trips.
func (f *fixture) wantTrips(what string, n int, do func()) {
	f.Helper()
	began := f.env.Monotonic()
	do()
	if took := f.env.Monotonic() - began; took != time.Duration(n)*roundTrip {
		f.Errorf("%s took %v, want %d round trips of %v", what, took, n, roundTrip)
	}
}

// together runs n tasks at a time.
func (f *fixture) together(n int, do func(ctx context.Context, i int) error) {
	f.Helper()
	tasks := env.NewGroup(f.env, f.ctx)
	defer tasks.Stop()
	for i := range n {
		tasks.Go("together", func(ctx context.Context) { f.want(fmt.Sprint("task ", i), do(ctx, i), nil) })
	}
	f.must(tasks.Wait(f.ctx))
}

// TestReadsArePipelined shows that reads at a time take one round trip, of however many transactions they are, and
// what a transaction takes.
func TestReadsArePipelined(t *testing.T) {
	distant(t, func(f *fixture) {
		var tx kv.Tx
		f.wantTrips("a read version", 1, func() {
			tx = f.begin()
			_, err := tx.ReadVersion(f.ctx)
			f.must(err)
		})
		v, err := tx.ReadVersion(f.ctx)
		f.must(err)
		f.wantTrips("the keys of one read", 1, func() {
			keys := make([][]byte, remote.KeysMax)
			for i := range keys {
				keys[i] = fmt.Append(nil, i)
			}
			_, err := tx.GetAll(f.ctx, keys...)
			f.must(err)
		})
		f.wantTrips("reads of many transactions", 1, func() {
			f.together(200, func(ctx context.Context, i int) error {
				tx := f.begin()
				tx.SetReadVersion(v)
				if i%2 == 0 {
					_, _, err := tx.Range(ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
					return err
				}
				_, err := tx.Get(ctx, []byte("k"))
				return err
			})
		})
		f.wantTrips("blind commits of many transactions", 1, func() {
			f.together(200, func(ctx context.Context, i int) error {
				tx := f.begin()
				tx.Set(fmt.Append(nil, i), nil)
				return tx.Commit(ctx)
			})
		})
	})
}

// TestLongReadsAreReadInParts shows that the parts of a read that one request can't hold are under way together, a
// few at a time.
func TestLongReadsAreReadInParts(t *testing.T) {
	distant(t, func(f *fixture) {
		tx := f.begin()
		_, err := tx.ReadVersion(f.ctx)
		f.must(err)
		for _, c := range []struct{ keys, trips int }{
			{remote.KeysMax, 1},
			{remote.KeysMax + 1, 1},
			{remote.PartsMax * remote.KeysMax, 1},
			{remote.PartsMax*remote.KeysMax + 1, 2},
			{3*remote.PartsMax*remote.KeysMax - 5, 3},
		} {
			n := c.keys
			keys := make([][]byte, n)
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "absent %d", i)
			}
			keys[n-1] = []byte("k")
			f.wantTrips(fmt.Sprint(n, " keys"), c.trips, func() {
				values, err := tx.GetAll(f.ctx, keys...)
				f.must(err)
				if len(values) != n || string(values[n-1]) != "v" || values[0] != nil {
					f.Errorf("%d values, the last is %q", len(values), values[n-1])
				}
			})
		}
		f.network.Block("server", "client")
		short, cancel := env.WithTimeout(f.env, f.ctx, time.Second)
		defer cancel()
		_, err = tx.GetAll(short, make([][]byte, 10*remote.KeysMax)...)
		f.want("a read in parts whose context ends", err, context.DeadlineExceeded)
		f.network.Unblock("server", "client")
	})
}

// TestTransactionsBeginWithTheirFirstRead shows that fetching the read version takes no round trip of its own.
func TestTransactionsBeginWithTheirFirstRead(t *testing.T) {
	distant(t, func(f *fixture) {
		f.wantTrips("a transaction of a read and a write", 2, func() {
			tx := f.begin()
			value, err := tx.Get(f.ctx, []byte("k"))
			if err != nil || string(value) != "v" {
				f.Errorf("read %q, %v", value, err)
			}
			tx.Set([]byte("k"), []byte("w"))
			f.must(tx.Commit(f.ctx))
		})
		f.wantTrips("a scan, and a read at the same version", 2, func() {
			tx := f.begin()
			pairs, more, err := tx.Range(f.ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
			if err != nil || more || len(pairs) != 1 || string(pairs[0].Value) != "w" {
				f.Errorf("read %q, more %v, %v", pairs, more, err)
			}
			v, err := tx.ReadVersion(f.ctx)
			f.must(err)
			if v == 0 {
				f.Error("no read version")
			}
			_, err = tx.Get(f.ctx, []byte("l"))
			f.must(err)
		})
		f.wantTrips("a read in parts", 2, func() {
			_, err := f.begin().GetAll(f.ctx, make([][]byte, remote.PartsMax*remote.KeysMax)...)
			f.must(err)
		})
	})
}

// TestServerOfAnEarlierVersion shows that a server that can't begin and read at once is asked for one after the
// other, once it is known.
func TestServerOfAnEarlierVersion(t *testing.T) {
	envtest.Simulated(t, 2, func(t *testing.T, s *coro.Scheduler) {
		mux := rpc.NewMux()
		for method, answer := range map[string]string{
			"store.read_version": "\x07",
			"store.get_all":      "\x91\xc4\x01v",
			"store.range":        "\x92\xc2\x92\xc4\x01k\xc4\x01v",
		} {
			mux.Handle(method, func(context.Context, *rpc.Request) ([]byte, error) { return []byte(answer), nil })
		}
		f := newScripted(t, s.Machine(coro.MainMachine), mux)
		defer f.close()
		_, err := f.begin().ReadVersion(f.ctx)
		f.must(err)
		f.network.SetLatency(latency)
		defer f.network.SetLatency(0)
		f.wantTrips("the first read", 3, func() { f.wantValue("k", "v") })
		f.wantTrips("the second", 2, func() { f.wantValue("k", "v") })
		f.wantTrips("a scan", 2, func() {
			pairs, more, err := f.begin().Range(f.ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
			if err != nil || more || len(pairs) != 1 || string(pairs[0].Value) != "v" {
				f.Errorf("read %q, more %v, %v", pairs, more, err)
			}
		})
	})
}
