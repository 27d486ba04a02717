// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// at begins a transaction at a read version.
func (f *fixture) at(v kv.Version) kv.Tx {
	tx := f.begin()
	tx.SetReadVersion(v)
	return tx
}

// wantAt wants an error, nil for none, of all that can be done at a version: reads of all kinds, and a commit that
// depends on them.
func (f *fixture) wantAt(what string, v kv.Version, want error) {
	f.Helper()
	_, err := f.at(v).Get(f.ctx, []byte("k"))
	f.want(what+": get", err, want)
	_, err = f.at(v).GetAll(f.ctx, make([][]byte, 200)...)
	f.want(what+": get in parts", err, want)
	_, _, err = f.at(v).Range(f.ctx, []byte("a"), []byte("z"), kv.RangeOptions{})
	f.want(what+": range", err, want)
	tx := f.at(v)
	f.must(tx.AddReadConflictRange([]byte("unwritten"), []byte("unwritteo")))
	tx.Set([]byte("dependent"), nil)
	if want == kv.ErrFutureVersion {
		want = kv.ErrCommitUnknown // as all that the contract does not name of a commit
	}
	f.want(what+": commit", tx.Commit(f.ctx), want)
}

// TestReadVersionWindow shows that a version that is too old, and one that is not there yet, are known for what they
// are at a distance, also when the server has begun another life in between.
func TestReadVersionWindow(t *testing.T) {
	envtest.Simulated(t, 2, func(t *testing.T, s *coro.Scheduler) {
		f := newFixture(t, s.Machine(coro.MainMachine), nil)
		defer f.close()
		f.put("k", "1")
		v, err := f.begin().ReadVersion(f.ctx)
		f.must(err)
		const future = 1 << 40
		begun := f.begin()
		_, err = begun.Get(f.ctx, []byte("k"))
		f.must(err)
		begun.Set([]byte("k"), []byte("2"))

		f.sleep(4 * time.Second)
		f.wantAt("after 4 s", v, nil)
		f.wantAt("in the future", v+future, kv.ErrFutureVersion)
		f.sleep(1200 * time.Millisecond)
		f.wantAt("after 5.2 s", v, kv.ErrTooOld)
		f.want("a commit 5.2 s after its read", begun.Commit(f.ctx), kv.ErrTooOld)
		f.wantValue("k", "1")

		v, err = f.begin().ReadVersion(f.ctx)
		f.must(err)
		f.crash()
		f.start(nil)
		f.wantAt("of the former life", v, kv.ErrTooOld)
		f.wantAt("in the future of the new life", v+future, kv.ErrFutureVersion)
		_, err = f.store.(kv.Pinner).Pin(f.ctx, v)
		f.want("a pin of the former life", err, kv.ErrTooOld)
		_, err = f.store.(kv.Pinner).Pin(f.ctx, v+future)
		f.want("a pin of the future", err, kv.ErrFutureVersion)
		now, err := f.begin().ReadVersion(f.ctx)
		f.must(err)
		f.wantAt("of the new life", now, nil)
	})
}
