// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	historyKeys    = 2000
	historyRounds  = 40
	historyWrites  = 60
	historyReaders = 12
	// versionFresh is well below the life of a read version, 5 s.
	versionFresh = 3 * time.Second
)

// testHistory decides transactions that are older than thousands of writes: each conflicts exactly if something
// in the ranges that it read was written since.
func testHistory(w *world) {
	h := &history{world: w, rnd: env.NewRand(1, 0x68697374)}
	for range historyRounds {
		h.write()
		h.read()
	}
}

// history is the last version that wrote each key, and the read versions that were to be had.
type history struct {
	*world
	rnd      *env.Rand
	written  [historyKeys]kv.Version
	versions []kv.Version
	times    []time.Duration // of the versions, as far as the store had told of them
}

// fresh returns the versions that have not left the window yet, as they may where commits take long.
func (h *history) fresh() []kv.Version {
	now := h.env.Monotonic()
	for i, t := range h.times {
		if now-t < versionFresh {
			return h.versions[i:]
		}
	}
	return h.versions[len(h.versions)-1:]
}

func historyKey(i int) []byte { return fmt.Appendf(nil, "h%04d", i) }

// historyRange is the range of the keys numbered [i, j).
func historyRange(i, j int) (begin, end []byte) {
	if j == i+1 {
		return historyKey(i), kv.KeyAfter(historyKey(i))
	}
	return historyKey(i), historyKey(j)
}

// write commits a transaction of many keys, and a range now and then.
func (h *history) write() {
	tx := h.begin()
	touched := make([]bool, historyKeys)
	for range h.rnd.IntN(historyWrites) {
		i := h.rnd.IntN(historyKeys)
		tx.Set(historyKey(i), nil)
		touched[i] = true
	}
	if h.rnd.IntN(3) == 0 {
		begin, end := h.span(20)
		tx.ClearRange(historyKey(begin), historyKey(end))
		for i := begin; i < end; i++ {
			touched[i] = true
		}
	}
	tx.Set([]byte("version"), nil)
	h.commit(tx)
	h.versions, h.times = append(h.versions, tx.CommittedVersion()), append(h.times, h.env.Monotonic())
	for i, t := range touched {
		if t {
			h.written[i] = tx.CommittedVersion()
		}
	}
}

// span returns a random [begin, end) of at most n keys.
func (h *history) span(n int) (begin, end int) {
	begin = h.rnd.IntN(historyKeys)
	return begin, min(historyKeys, begin+1+h.rnd.IntN(n))
}

// read commits transactions of all ages, and checks how each ends.
func (h *history) read() {
	for range historyReaders {
		versions := h.fresh()
		v := versions[h.rnd.IntN(len(versions))]
		tx := h.begin()
		tx.SetReadVersion(v)
		conflict := false
		for range 1 + h.rnd.IntN(3) {
			begin, end := h.span(1 + h.rnd.IntN(100))
			h.must(tx.AddReadConflictRange(historyRange(begin, end)))
			for i := begin; i < end; i++ {
				conflict = conflict || h.written[i] > v
			}
		}
		tx.Set([]byte("reader"), nil)
		err := tx.Commit(h.ctx)
		if errors.Is(err, kv.ErrConflict) != conflict || err != nil && !conflict {
			h.Errorf("a transaction at version %d of %d ended with %v; a conflict: %v", v,
				h.versions[len(h.versions)-1], err, conflict)
		}
	}
}
