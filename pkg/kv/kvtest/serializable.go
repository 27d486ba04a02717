// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	serialRounds = 25
	serialTasks  = 5
	serialEach   = 3
	serialKeys   = 4
)

// testSerializability is FoundationDB's workload of that name: concurrent random transactions are recorded, what each
// has read and written, and afterwards a serial order is looked for that explains all reads and keeps to what ended
// before what began. The order of the versionstamps is not trusted: it has to be such an order itself.
func testSerializability(w *world) {
	for round := range serialRounds {
		clearing := w.begin()
		clearing.ClearRange(nil, kv.KeySpaceEnd())
		w.commit(clearing)
		h := &recorder{world: w}
		w.together(serialTasks, func(i int) {
			rnd := env.NewRand(uint64(round*serialTasks+i), 0x73657269)
			for n := range serialEach {
				if err := h.record(rnd, fmt.Sprintf("%d/%d", i, n)); err != nil {
					w.Errorf("round %d, task %d: %v", round, i, err)
					return
				}
			}
		})
		h.readAll()
		if !serializable(h.done) {
			w.Fatalf("round %d: no serial order explains\n%s", round, describe(h.done))
		}
		if err := inStampOrder(h.done); err != nil {
			w.Fatalf("round %d: %v\n%s", round, err, describe(h.done))
		}
	}
}

// observed is a transaction that has committed. The values that it read are those before its own writes.
type observed struct {
	name          string
	reads, writes map[int]string
	// began and ended are places in the order of all beginnings and ends.
	began, ended int
	stamp        string // "" if it wrote nothing
}

// recorder collects what transactions did.
type recorder struct {
	*world
	mu    sync.Mutex
	clock int
	done  []observed
}

func (h *recorder) tick() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

// record runs a random transaction under a name that its values bear.
func (h *recorder) record(rnd *env.Rand, name string) error {
	o := observed{name: name, reads: map[int]string{}, writes: map[int]string{}, began: h.tick()}
	tx := h.begin()
	for range 1 + rnd.IntN(3) {
		if err := h.observe(tx, &o, rnd.IntN(serialKeys), rnd.IntN(4) == 0); err != nil {
			return err
		}
	}
	if rnd.IntN(5) != 0 {
		for range 1 + rnd.IntN(2) {
			i := rnd.IntN(serialKeys)
			o.writes[i] = name
			tx.Set(serialKey(i), []byte(name))
		}
		// A store may have a stamp only for a transaction that asks for one.
		tx.Atomic(kv.AtomicSetVersionstampedValue, []byte("serial-stamp/"+name), withStamp("", ""))
	}
	switch err := tx.Commit(h.ctx); {
	case errors.Is(err, kv.ErrConflict):
		return nil
	case err != nil:
		return err
	}
	if len(o.writes) > 0 {
		stamp, err := tx.Versionstamp()
		if err != nil {
			return err
		}
		o.stamp = string(stamp)
	}
	o.ended = h.tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, o)
	return nil
}

func serialKey(i int) []byte { return fmt.Appendf(nil, "serial/%d", i) }

// observe reads one key, or all of them as a range.
func (h *recorder) observe(tx kv.Tx, o *observed, i int, all bool) error {
	if !all {
		value, err := tx.Get(h.ctx, serialKey(i))
		o.reads[i] = string(value)
		return err
	}
	found, _, err := tx.Range(h.ctx, serialKey(0), serialKey(serialKeys), kv.RangeOptions{})
	for i := range serialKeys {
		o.reads[i] = ""
	}
	for _, pair := range found {
		o.reads[int(pair.Key[len(pair.Key)-1]-'0')] = string(pair.Value)
	}
	return err
}

// readAll adds a last transaction that reads everything.
func (h *recorder) readAll() {
	o := observed{name: "at the end", reads: map[int]string{}, began: h.tick()}
	h.must(h.observe(h.begin(), &o, 0, true))
	o.ended = h.tick()
	h.done = append(h.done, o)
}

// explains reports whether a transaction may come next in a state.
func (o observed) explains(state [serialKeys]string) bool {
	for i, value := range o.reads {
		if state[i] != value {
			return false
		}
	}
	return true
}

func (o observed) apply(state [serialKeys]string) [serialKeys]string {
	for i, value := range o.writes {
		state[i] = value
	}
	return state
}

// serializable searches for a strict serial order, depth first.
func serializable(all []observed) bool {
	type place struct {
		done  uint64
		state [serialKeys]string
	}
	dead := map[place]bool{}
	var search func(at place) bool
	search = func(at place) bool {
		if at.done == 1<<len(all)-1 {
			return true
		}
		if dead[at] {
			return false
		}
		dead[at] = true
		for i, o := range all {
			if at.done&(1<<i) == 0 && o.explains(at.state) && !preceded(all, at.done, o) &&
				search(place{at.done | 1<<i, o.apply(at.state)}) {
				return true
			}
		}
		return false
	}
	return search(place{})
}

// preceded reports whether one that is not done yet ended before o began.
func preceded(all []observed, done uint64, o observed) bool {
	for i, other := range all {
		if done&(1<<i) == 0 && other.ended < o.began {
			return true
		}
	}
	return false
}

// inStampOrder checks the order of the versionstamps of what wrote: it must explain the reads, and keep to real time.
func inStampOrder(all []observed) error {
	var writers []observed
	for _, o := range all {
		if o.stamp != "" {
			writers = append(writers, o)
		}
	}
	slices.SortFunc(writers, func(a, b observed) int { return strings.Compare(a.stamp, b.stamp) })
	var state [serialKeys]string
	for i, o := range writers {
		if !o.explains(state) {
			return fmt.Errorf("%s read %v, but by the order of the stamps there was %q", o.name, o.reads, state)
		}
		state = o.apply(state)
		for _, later := range writers[i+1:] {
			if later.stamp == o.stamp || later.ended < o.began {
				return fmt.Errorf("the stamps %x of %s and %x of %s are not in order", o.stamp, o.name, later.stamp,
					later.name)
			}
		}
	}
	return nil
}

func describe(all []observed) string {
	var b strings.Builder
	for _, o := range all {
		fmt.Fprintf(&b, "%s: from %d to %d, stamp %x, read %v, wrote %v\n", o.name, o.began, o.ended, o.stamp, o.reads,
			o.writes)
	}
	return b.String()
}
