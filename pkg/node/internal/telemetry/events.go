// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// eventsKept is how many events a node remembers.
	eventsKept = 1000
)

// events are what has happened to a node and its actors, as it tells it to those who look. What happens to very many
// actors at once is told as one event of so many.
type Events struct {
	by string

	mu     sync.Mutex
	kept   []api.Event // in order
	number uint64
	// sums are told with the next heartbeat, or when somebody asks, in the order of sumKeys.
	sums    map[string]*api.Event
	sumKeys []string
}

// NewEvents begins the numbers at the time, so that those of a node that is started again are greater.
func NewEvents(by string, now time.Time) *Events {
	return &Events{by: by, number: uint64(max(now.UnixMicro(), 0)), sums: make(map[string]*api.Event)}
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
	if len(es.kept) >= eventsKept {
		es.kept = append(es.kept[:0:0], es.kept[len(es.kept)-eventsKept*3/4:]...)
	}
	es.kept = append(es.kept, e)
}

// Sum takes note of an event of one actor, to be told together with others of the same kind and nodes, under the
// cause of the first.
func (es *Events) Sum(e api.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	key := strings.Join([]string{e.Kind, e.Node, e.From, e.To}, "\x00")
	if known := es.sums[key]; known != nil {
		known.Count++
		return
	}
	e.Count = 1
	es.sums[key] = &e
	es.sumKeys = append(es.sumKeys, key)
}

// Flush tells the sums.
func (es *Events) Flush(now time.Time) {
	es.mu.Lock()
	defer es.mu.Unlock()
	for _, key := range es.sumKeys {
		es.add(now, *es.sums[key])
	}
	clear(es.sums)
	es.sumKeys = es.sumKeys[:0]
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

// Rfc3339 formats a wall clock for people; the zero time is "".
func RFC3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
