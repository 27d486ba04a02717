// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// machineStepsMax is how many steps a failure may take to show what these stores break.
const machineStepsMax = 9

// foundByMachine are the breaks that the state machine has to find, which are those that show in a transaction or two.
var foundByMachine = strings.Split(`loses the read conflicts of keys
loses the read conflicts of ranges
drops write conflict ranges
reads a byte too far
has limited reads conflict with the whole range
has snapshot reads conflict
hides the own writes
returns one row more than the limit
sets instead of adding
fires watches of no change
commits what was cancelled`, "\n")

// TestMachineOnBrokenStores shows that the state machine finds breaks, and that what it says of them is short, for a
// person to read.
func TestMachineOnBrokenStores(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, rapid makes a fifth of the checks, which are too few for some of the breaks")
	}
	steps := regexp.MustCompile(`(?m)^ +\d: .*$`)
	for _, breaks := range foundByMachine {
		t.Run(strings.ReplaceAll(breaks, " ", "-"), func(t *testing.T) {
			failures := failuresIn(t, occ.NewMemory(), brokenBy(t, breaks).open, testMachine)
			if len(failures) == 0 {
				t.Fatalf("it passes on a store that %s", breaks)
			}
			found := steps.FindAllString(failures[0], -1)
			if len(found) == 0 || len(found) > machineStepsMax || !strings.Contains(failures[0], "-rapid.seed=") {
				t.Errorf("%d steps, want 1 to %d, and the seed:\n%s", len(found), machineStepsMax, failures[0])
			}
			t.Logf("%s", failures[0])
		})
	}
}
