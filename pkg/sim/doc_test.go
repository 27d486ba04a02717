// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestEverythingIsDocumented shows that docs/simulation.md has a row for whatever can be named, and says of it what
// `kelpie sim ls` says.
func TestEverythingIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/simulation.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range sim.Catalog() {
		if row := "| `" + item.Name + "` | " + item.Description + " |"; !strings.Contains(string(text), row) {
			t.Errorf("there is no row for the %s: %s", item.Kind, row)
		}
	}
}
