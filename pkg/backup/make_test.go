// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// limited is a file that takes no more than 64 MiB.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > 64<<20 {
		return 0, errors.New("the file is too large")
	}
	return l.Buffer.Write(p)
}

// A store of many pages is copied whole, each key once, but for the events, which a page leaves out at its end, in the
// middle, or all of it.
func TestABackupOfManyPagesHasEachKeyOnce(t *testing.T) {
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e, ctx := s.Machine(coro.MainMachine), context.Background()
		store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		reg := registry.New(e, store)
		member, err := reg.Join(ctx, registry.JoinSpec{Node: registry.NodeInfo{ID: "n1", Address: "h:1"},
			LeaseTTL: 5 * time.Second, Heartbeat: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		count := func() {
			t.Helper()
			var file limited
			if _, made, err := Make(ctx, e, store, &file, Options{}); err != nil || want > 0 && int(made.Keys) != want {
				t.Fatalf("%d keys in the backup, want %d: %v", made.Keys, want, err)
			}
			pairs, err := readAll(file.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			for i := 1; i < len(pairs); i++ {
				if bytes.Compare(pairs[i-1].Key, pairs[i].Key) >= 0 {
					t.Fatalf("%x comes after %x", pairs[i].Key, pairs[i-1].Key)
				}
			}
			want = len(pairs)
		}
		count()
		write := func(prefix string, keys int) {
			t.Helper()
			for i := range keys {
				tx := store.Begin(kv.TxOptions{})
				tx.Set(fmt.Appendf(nil, "%s/%03d", prefix, i), make([]byte, 50_000))
				if err := tx.Commit(ctx); err != nil {
					t.Fatal(err)
				}
			}
			want += keys
		}
		event := func(number uint64, bytes int) {
			t.Helper()
			err := reg.StoreEvents(ctx, member, []api.Event{{Kind: api.EventJoined, Node: "n1", Number: number,
				Time: "2026-01-02T03:04:05Z", Cause: string(make([]byte, bytes))}}, 0)
			if err != nil {
				t.Fatal(err)
			}
		}
		write("\x01before", 30)
		write("\xf0behind", 50)
		count()
		event(1, 10)
		count()
		for number := range uint64(40) { // pages of nothing else
			event(number+2, 60_000)
			count()
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}
