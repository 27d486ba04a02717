// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import "testing"

// visit is an answered visit, look an answered look, and lost a visit without an answer.
func visit(called, returned int64, born string, n int64) *Op {
	return &Op{Method: "visit", Outcome: OK, Called: called, Returned: returned, Output: sitting{born, n}}
}

func look(called, returned int64, born string, n int64) *Op {
	return &Op{Method: "look", Outcome: OK, Called: called, Returned: returned, Output: sitting{born, n}}
}

func lost(called int64) *Op { return &Op{Method: "visit", Called: called} }

func TestSessionsAreJudged(t *testing.T) {
	for _, test := range []struct {
		name string
		ops  []*Op
		good bool
	}{
		{"one sitting", []*Op{visit(1, 2, "a", 1), look(3, 4, "a", 1), visit(5, 6, "a", 2)}, true},
		{"overlapping calls in either order", []*Op{visit(1, 6, "a", 2), visit(2, 5, "a", 1), look(3, 4, "a", 1)},
			true},
		{"a new activation", []*Op{visit(1, 2, "a", 1), look(3, 4, "", 0), visit(5, 6, "b", 1)}, true},
		{"a lost visit counts", []*Op{lost(1), visit(2, 3, "a", 2)}, true},
		{"a visit that was repeated counts in two activations",
			[]*Op{visit(1, 9, "b", 1), visit(2, 3, "a", 2), look(10, 11, "b", 1)}, true},
		{"a visit counts twice", []*Op{visit(1, 2, "a", 1), look(3, 4, "a", 2)}, false},
		{"a visit after the last answer can't have counted", []*Op{visit(1, 2, "a", 2), lost(3)}, false},
		{"a visit forgotten", []*Op{visit(1, 2, "a", 1), visit(3, 4, "a", 1)}, false},
		{"a stale look", []*Op{visit(1, 2, "a", 1), visit(3, 4, "a", 2), look(5, 6, "a", 1)}, false},
		{"two activations in turns", []*Op{visit(1, 2, "a", 1), visit(3, 4, "b", 1), look(5, 6, "a", 1)}, false},
		{"empty in between", []*Op{visit(1, 2, "a", 1), look(3, 4, "", 0), look(5, 6, "a", 1)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			op, why := unsessioned(test.ops)
			if (op == nil) != test.good {
				t.Errorf("found %v (%s), want good: %v", op, why, test.good)
			}
		})
	}
}
