// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

// TestSimilar shows which typos are understood.
func TestSimilar(t *testing.T) {
	for _, c := range []struct {
		meant, written string
		want           bool
	}{
		{"namespace", "namspce", true}, {"namespace", "namespaces", true}, {"namespace", "ns", false},
		{"node", "nod", true},
		{"addr", "address", false}, {"output", "out", true}, {"by", "bx", true}, {"by", "xx", false},
		{"yes", "y", false}, {"limit", "", false},
	} {
		if got := similar(c.meant, c.written); got != c.want {
			t.Errorf("%s for %s: %v", c.written, c.meant, got)
		}
	}
	if d := distance("kitten", "sitting"); d != 3 {
		t.Errorf("distance %d", d)
	}
}
