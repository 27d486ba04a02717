// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestJudges shows that histories that a broken system would leave are found, and those of a sound one are not.
func TestJudges(t *testing.T) {
	add := func(called, returned int, reply int64) *op {
		return &op{method: "add", called: time.Duration(called), returned: time.Duration(returned), reply: reply}
	}
	put := func(called, returned int, value int64) *op {
		return &op{method: "put", called: time.Duration(called), returned: time.Duration(returned), value: value}
	}
	get := func(called, returned int, reply int64) *op {
		return &op{method: "get", called: time.Duration(called), returned: time.Duration(returned), reply: reply}
	}
	failed := func(o *op) *op {
		o.err = errors.New("lost")
		return o
	}
	for _, test := range []struct {
		name, namespace string
		ops             []*op
		wrongCount      bool
		culprit         string // how the last line of the excerpt ends
	}{
		{name: "in order", namespace: "counter", ops: []*op{add(1, 2, 1), add(3, 4, 2), get(5, 6, 2)}},
		{name: "at once", namespace: "counter", ops: []*op{add(1, 4, 2), get(2, 5, 1), add(3, 6, 1), get(7, 8, 2)}},
		{name: "lost add", namespace: "counter", ops: []*op{add(1, 2, 1), add(3, 4, 2), get(5, 6, 1)},
			wrongCount: true, culprit: "get -> 1"},
		{name: "add counted twice", namespace: "counter", ops: []*op{add(1, 2, 1), get(3, 4, 2)}, wrongCount: true,
			culprit: "get -> 2"},
		{name: "same reply", namespace: "counter", ops: []*op{add(1, 3, 1), add(2, 4, 1), get(5, 6, 2)},
			wrongCount: true, culprit: "add -> 1"},
		{name: "failed add counted", namespace: "counter",
			ops: []*op{failed(add(1, 2, 0)), add(3, 4, 2), get(5, 6, 2)}},
		{name: "failed add did not count", namespace: "counter",
			ops: []*op{failed(add(1, 2, 0)), add(3, 4, 1), get(5, 6, 1)}},
		{name: "stale get", namespace: "counter", ops: []*op{add(1, 2, 1), get(3, 4, 0), get(5, 6, 1)},
			culprit: "get -> 0"},
		{name: "register", namespace: "kv", ops: []*op{get(1, 2, 0), put(3, 6, 7), get(4, 5, 7), get(7, 8, 7)}},
		{name: "old value", namespace: "kv", ops: []*op{put(1, 2, 7), put(3, 4, 8), get(5, 6, 7), get(7, 8, 8)},
			culprit: "get -> 7"},
		{name: "failed put seen late", namespace: "kv", ops: []*op{failed(put(1, 2, 7)), get(3, 4, 0), get(5, 6, 7)}},
		{name: "back and forth", namespace: "kv", ops: []*op{put(1, 9, 7), get(2, 3, 7), get(4, 5, 0), get(6, 7, 7)},
			culprit: "put 7, later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &history{actor: api.ActorID{Namespace: test.namespace, ID: "a"}, ops: test.ops}
			if err := judgeCount(h); test.namespace == "counter" && (err != nil) != test.wrongCount {
				t.Errorf("the count is judged %v", err)
			}
			undecided, err := judgeOrder(h, judgePatience)
			switch {
			case undecided:
				t.Error("the order is undecided")
			case (err != nil) != (test.culprit != ""):
				t.Errorf("the order is judged %v", err)
			case err != nil && !strings.HasSuffix(err.Error(), test.culprit):
				t.Errorf("not %q is shown at the end: %v", test.culprit, err)
			}
		})
	}
}
