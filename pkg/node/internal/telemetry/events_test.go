// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// An event that may be told only rarely is told at once for the first time, and then once a minute with how often it
// has happened: what goes on for ever pushes out nothing else.
func TestWhatHappensAllTheTimeIsToldRarely(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	es := NewEvents(env.Real(), "n1")
	for second := range 120 {
		es.SumRarely(api.Event{Kind: api.EventAlarmFailed, Node: "n1", Actor: "x/a"})
		es.Sum(api.Event{Kind: api.EventDeadLetter, Node: "n1", Actor: "x/a"})
		es.Flush(now.Add(time.Duration(second) * time.Second))
	}
	counts := make(map[string][]int)
	for _, e := range es.After(0, 0) {
		counts[e.Kind] = append(counts[e.Kind], e.Count)
	}
	if rare := counts[api.EventAlarmFailed]; len(rare) != 2 || rare[0] != 1 || rare[1] != 60 {
		t.Errorf("told %v", rare)
	}
	if len(counts[api.EventDeadLetter]) != 120 {
		t.Errorf("other events were told %d times", len(counts[api.EventDeadLetter]))
	}
	es.Flush(now.Add(-time.Hour)) // the clock was set back
	if told := len(es.After(0, 0)); told != 123 {
		t.Errorf("%d events", told)
	}
}
