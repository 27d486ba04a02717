// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

// TestWhatWasMeant shows which typos are understood.
func TestWhatWasMeant(t *testing.T) {
	names := []string{
		"actors", "addr", "by", "doctor", "limit", "ls", "namespace", "no-color", "node", "output", "start",
		"top", "yes",
	}
	for written, want := range map[string]string{
		"namspce": "namespace", "namespaces": "namespace", "nod": "node", "nodes": "node",
		"no": "no-color node", "address": "addr", "list": "ls", "out": "output", "bx": "by", "xx": "", "y": "",
		"": "", "foo": "",
		"tp": "top", "actor": "actors", "docter": "doctor", "dactor": "doctor", "octor": "doctor",
		"strat": "start", "limti": "limit", "nmaespaec": "namespace",
	} {
		if got := strings.Join(meant(written, names), " "); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
	if d := distance("kitten", "sitting") + distance("ab", "ba"); d != 4 {
		t.Errorf("distances of 3 and 1 are %d", d)
	}
}
