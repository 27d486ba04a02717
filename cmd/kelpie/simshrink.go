// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

// shrink looks for the smallest run that breaks the promise that another breaks, and prints it.
func (k *kelpie) shrink(failed *sim.Result, report *simReport) (*sim.Result, error) {
	progress := k.newSimProgress(0, true)
	began, tried := time.Now(), 0
	_, smallest, err := sim.Shrink(failed.Config.Options(), func(o sim.Options) {
		tried++
		_ = progress.say(fmt.Sprintf("shrinking, run %d: %s, %s, %s each, %s",
			tried, human.Counted(o.Nodes, "node"), human.Counted(o.Clients, "client"), human.Counted(o.Calls, "call"),
			human.Counted(len(*o.Plan), "planned fault")))
	})
	progress.clear()
	if err != nil {
		return nil, err
	}
	if !smallest.Caught() { // as of one that went two ways
		_, err = human.Fprintf(k.Stderr, "%s\n", "nothing was shrunk: run again, the seed breaks no promise")
		return failed, err
	}
	return smallest, report.shrunk(campaign.Outcome{Result: smallest, Wall: time.Since(began)})
}
