// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package eventlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestMerge merges events that are written BY#NUMBER@SECOND, with a kind of their own if they are of actors, and
// KIND:NODE:INCARNATION:CAUSE if they are of nodes.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"by time", "b#1@2 a#1@1 a#2@3", "a#1@1 b#1@2 a#2@3"},
		{"once each", "a#1@1 b#1@2 a#1@1 b#1@2", "a#1@1 b#1@2"},
		{"equal numbers of two nodes", "b#1@1 a#1@1", "a#1@1 b#1@1"},
		{"a clock was set back", "a#1@5 a#2@6 a#3@2 a#4@3 b#1@1 b#2@7", "b#1@1 a#1@5 a#2@6 a#3@2 a#4@3 b#2@7"},
		{"a time is not known", "a#2@- a#1@4 b#1@3 b#2@5", "b#1@3 a#1@4 a#2@- b#2@5"},
		{"with a cause is better", "a#1@1:failed:n3:i: b#1@2:failed:n3:i:silent", "b#1@1:failed:n3:i:silent"},
		{"merged before", "b#1@1:failed:n3:i:silent a#1@1:failed:n3:i: b#1@2:failed:n3:i:silent",
			"b#1@1:failed:n3:i:silent"},
		{"two lives", "a#1@1:joined:n3:i: b#1@1:joined:n3:i: a#2@9:joined:n3:k:",
			"a#1@1:joined:n3:i: a#2@9:joined:n3:k:"},
		{"what repeats", "a#1@1:draining:n3:i: b#1@2:draining:n3:i: a#2@3:draining:n3:i:",
			"a#1@1:draining:n3:i: a#2@3:draining:n3:i:"},
	} {
		var events []api.Event
		for _, word := range strings.Fields(c.in) {
			events = append(events, parse(t, word))
		}
		var got []string
		for _, e := range Merge(slices.Clone(events)) {
			got = append(got, format(&e))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s\nis merged to %s\nwant         %s", c.name, c.in, s, c.want)
		}
	}
}

func parse(t *testing.T, word string) (e api.Event) {
	t.Helper()
	parts := strings.Split(word, ":")
	var second string
	if _, err := fmt.Sscanf(strings.NewReplacer("#", " ", "@", " ").Replace(parts[0]), "%s %d %s", &e.By, &e.Number,
		&second); err != nil {
		t.Fatal(word, err)
	}
	if second != "-" {
		e.Time = "2026-01-02T03:04:0" + second + ".000Z"
	}
	if e.Kind, e.Actor = api.EventStuck, "counter/a"; len(parts) > 1 {
		e.Kind, e.Node, e.Incarnation, e.Cause, e.Actor = parts[1], parts[2], parts[3], parts[4], ""
	}
	return e
}

func format(e *api.Event) string {
	second := "-"
	if e.Time != "" {
		second = e.Time[18:19]
	}
	s := fmt.Sprintf("%s#%d@%s", e.By, e.Number, second)
	if e.Actor == "" {
		s += ":" + strings.Join([]string{e.Kind, e.Node, e.Incarnation, e.Cause}, ":")
	}
	return s
}
