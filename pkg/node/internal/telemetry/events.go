// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// rareEvery is how far apart the events are of a kind that may go on for ever: they are not to push out others.
const rareEvery = time.Minute

// Events are what has happened to a node and its actors, as it tells it to those who look. What happens to very many
// actors at once is one event, with their number. Events wait until they are stored, which others do. If too many
// wait, the oldest are dropped and counted.
type Events struct {
	by string

	mu     sync.Mutex
	kept   []api.Event // in order
	number uint64
	// stored is the number of the last one that is stored. Those after it wait.
	stored uint64
	// lost is how many were dropped that waited.
	lost int
	// parker is of who stores them.
	parker env.Parker
	// sums are told with the next heartbeat, or when somebody asks, in the order of sumKeys.
	sums    map[string]*api.Event
	sumKeys []string
	// rare is when each of the sums was told last that may be told only every rareEvery.
	rare map[string]time.Time
}

// NewEvents begins the numbers at the time, so that those of a node that is started again are greater, as far as
// clocks can tell; see Resume.
func NewEvents(e env.Env, by string) *Events {
	return &Events{by: by, number: uint64(max(e.Now().UnixMicro(), 0)), parker: e.NewParker(),
		sums: make(map[string]*api.Event), rare: make(map[string]time.Time)}
}

// Resume has the numbers of later events go on after one.
func (es *Events) Resume(after uint64) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.number = max(es.number, after)
}

// Tell takes note of an event.
func (es *Events) Tell(now time.Time, e api.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.add(now, e)
}

// add is tell. es.mu is held.
func (es *Events) add(now time.Time, e api.Event) {
	es.number++
	e.Time, e.By, e.Number = RFC3339(now), es.by, es.number
	if len(es.kept) >= api.EventsKept {
		from := len(es.kept) - api.EventsKept*3/4
		for _, dropped := range es.kept[:from] {
			if dropped.Number > es.stored {
				es.lost++
			}
		}
		es.kept = append(es.kept[:0:0], es.kept[from:]...)
	}
	es.kept = append(es.kept, e)
	es.parker.Unpark()
}

// Await blocks until events wait to be stored, or ctx ends. Only one task may call it.
func (es *Events) Await(ctx context.Context) error {
	for {
		es.mu.Lock()
		waiting := len(es.kept) > 0 && es.kept[len(es.kept)-1].Number > es.stored
		es.mu.Unlock()
		if waiting {
			return nil
		}
		if err := es.parker.Park(ctx); err != nil {
			return err
		}
	}
}

// Waiting returns copies of the events that wait to be stored, in order.
func (es *Events) Waiting() []api.Event {
	es.mu.Lock()
	stored := es.stored
	es.mu.Unlock()
	return es.After(stored, 0)
}

// Stored takes note that no event up to a number waits any more.
func (es *Events) Stored(number uint64) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.stored = max(es.stored, number)
}

// Lost returns how many events have been dropped while they waited to be stored, and counts from 0 again.
func (es *Events) Lost() int {
	es.mu.Lock()
	defer es.mu.Unlock()
	lost := es.lost
	es.lost = 0
	return lost
}

// Sum takes note of an event of one actor, to be told together with others of the same kind and nodes, under the
// cause of the first.
func (es *Events) Sum(e api.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.sum(sumKey(&e), e)
}

// SumRarely is Sum for what may go on for ever: after one such event, the next is told a minute later.
func (es *Events) SumRarely(e api.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	key := sumKey(&e)
	if _, ok := es.rare[key]; !ok {
		es.rare[key] = time.Time{}
	}
	es.sum(key, e)
}

func sumKey(e *api.Event) string { return strings.Join([]string{e.Kind, e.Node, e.From, e.To}, "\x00") }

// sum is Sum. es.mu is held.
func (es *Events) sum(key string, e api.Event) {
	if known := es.sums[key]; known != nil {
		known.Count++
		return
	}
	e.Count = 1
	es.sums[key] = &e
	es.sumKeys = append(es.sumKeys, key)
}

// Flush tells the sums that may be told.
func (es *Events) Flush(now time.Time) {
	es.mu.Lock()
	defer es.mu.Unlock()
	var kept []string
	for _, key := range es.sumKeys {
		last, rare := es.rare[key]
		if since := now.Sub(last); rare && since >= 0 && since < rareEvery {
			kept = append(kept, key)
			continue
		}
		if rare {
			es.rare[key] = now
		}
		es.add(now, *es.sums[key])
		delete(es.sums, key)
	}
	es.sumKeys = kept
}

// After returns a copy of the events after a number, the newest if there are more than limit, which is not 0.
func (es *Events) After(number uint64, limit int) []api.Event {
	es.mu.Lock()
	defer es.mu.Unlock()
	i, _ := slices.BinarySearchFunc(es.kept, number+1, func(e api.Event, n uint64) int {
		return cmp.Compare(e.Number, n)
	})
	found := es.kept[i:]
	if limit > 0 && len(found) > limit {
		found = found[len(found)-limit:]
	}
	return append([]api.Event{}, found...)
}

// RFC3339 formats a wall clock for people; the zero time is "".
func RFC3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(api.TimeLayout)
}
