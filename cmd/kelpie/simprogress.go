// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// simProgressElsewhere is how often progress is shown where there is no terminal.
const simProgressElsewhere = time.Minute

// simProgress tells how far runs have come.
type simProgress struct {
	*progress
	// total is 0 if nobody knows.
	total, seeds, failed int
	began                time.Time
}

// newSimProgress returns one that says nothing, if there is one run.
func (k *kelpie) newSimProgress(total int, many bool) *simProgress {
	p := &simProgress{progress: k.newProgress(simProgressElsewhere), total: total, began: time.Now()}
	if !many {
		p.w = io.Discard
	}
	return p
}

// ran counts a run, and shows how far things have come if it has not for a while.
func (p *simProgress) ran(r *sim.Result) error {
	p.seeds++
	if r.Caught() {
		p.failed++
	}
	text := human.Counted(p.seeds, "seed")
	if p.total > 0 {
		text = fmt.Sprintf("%d of %s", p.seeds, human.Counted(p.total, "seed"))
	}
	return p.say(fmt.Sprintf("%s, %d failed, %v", text, p.failed, time.Since(p.began).Round(time.Second)))
}
