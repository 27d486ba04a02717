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
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// endless is a backend with a range of any length, which is made as it is read.
type endless struct {
	ryw.Backend
	pages int // read
	// mostHeld is the most that the service held when a page was asked for.
	service  func() remote.Held
	mostHeld int64
}

const endlessValue = 16 << 10

func (s *endless) Range(_ context.Context, _ kv.Version, begin, _ []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool,
	error) {
	s.pages++
	s.mostHeld = max(s.mostHeld, s.service().Answers)
	next := 0
	if len(begin) > 1 {
		if _, err := fmt.Sscanf(string(begin), "e%d", &next); err != nil {
			return nil, false, err
		}
		next++
	}
	var pairs []kv.KeyValue
	for size := 0; size < opt.BytesMax; size += endlessValue {
		pairs = append(pairs, kv.KeyValue{Key: fmt.Appendf(nil, "e%012d", next), Value: make([]byte, endlessValue)})
		next++
	}
	return pairs, true, nil
}

// TestRangesAreStreamed scans a range of 200 pages, as a consumer that is slow and as several at a time, and shows
// that pages are made as they are consumed: the server is never ahead, holds nothing while the consumer works, and no
// more than one page for each.
func TestRangesAreStreamed(t *testing.T) {
	const pages, pageBytes, consumers = 200, 256 << 10, 3
	envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		backend := &endless{}
		f := newFixture(t, e, func(b ryw.Backend) ryw.Backend {
			backend.Backend = b
			return backend
		})
		defer f.close()
		backend.service = f.server.service.Held
		consume := func(ctx context.Context, seen func(n int)) error {
			n, stop := 0, fmt.Errorf("enough")
			err := kv.Scan(ctx, f.begin().Snapshot(), []byte("e"), []byte("f"), kv.RangeOptions{BytesMax: pageBytes},
				func(kv.KeyValue) error {
					if n++; n == pages*pageBytes/endlessValue {
						return stop
					}
					seen(n)
					return nil
				})
			if err != stop {
				return err
			}
			return nil
		}
		f.must(consume(f.ctx, func(n int) {
			if n%4 > 0 {
				return
			}
			f.sleep(10 * time.Millisecond)
			if consumed := n*endlessValue/pageBytes + 1; backend.pages > consumed {
				t.Fatalf("%d pages were read when the consumer was at page %d", backend.pages, consumed)
			}
			if held := f.server.service.Held(); held != (remote.Held{}) {
				t.Fatalf("the server holds %+v while the consumer works", held)
			}
		}))
		if backend.pages != pages {
			t.Errorf("%d pages were read, want %d", backend.pages, pages)
		}
		tasks := env.NewGroup(e, f.ctx)
		defer tasks.Stop()
		for range consumers {
			tasks.Go("consume", func(ctx context.Context) { f.want("scan", consume(ctx, func(int) {}), nil) })
		}
		f.must(tasks.Wait(f.ctx))
		// A page reaches beyond its bytes by a pair, and counts for the largest one while it is made.
		if most := int64(
			consumers * (pageBytes + 2*(kv.KeyBytesMax+kv.ValueBytesMax) + remote.PagePairsMax*10)); backend.mostHeld > most {
			t.Errorf("the server held %d bytes for %d consumers of pages of %d", backend.mostHeld, consumers, pageBytes)
		}
	})
}
