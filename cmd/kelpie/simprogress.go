// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// How often progress is shown: on a terminal, where a line is written over, and elsewhere.
const (
	progressOnTerminal = 200 * time.Millisecond
	progressElsewhere  = time.Minute
)

// clearLine puts the cursor at the beginning of the line and empties it.
const clearLine = "\r\x1b[K"

// simProgress tells how far runs have come.
type simProgress struct {
	w        io.Writer
	terminal bool
	// total is 0 if nobody knows.
	total, seeds, failed int
	began, shown         time.Time
	// dirty says that a line is there to write over.
	dirty bool
}

// newSimProgress returns one that says nothing, if there is one run.
func (k *kelpie) newSimProgress(total int, many bool) *simProgress {
	p := &simProgress{w: k.Stderr, terminal: k.isTerminal(k.Stderr), total: total, began: time.Now()}
	if !many {
		p.w = io.Discard
	}
	if !p.terminal {
		p.shown = p.began
	}
	return p
}

// ran counts a run, and shows how far things have come if it has not for a while.
func (p *simProgress) ran(r *sim.Result) error {
	p.seeds++
	if r.Caught() {
		p.failed++
	}
	text := counted(p.seeds, "seed")
	if p.total > 0 {
		text = fmt.Sprintf("%d of %s", p.seeds, counted(p.total, "seed"))
	}
	return p.say(fmt.Sprintf("%s, %d failed, %v", text, p.failed, time.Since(p.began).Round(time.Second)))
}

// say shows a line, unless the last is too young.
func (p *simProgress) say(line string) error {
	interval, format := progressElsewhere, "%s\n"
	if p.terminal {
		interval, format = progressOnTerminal, clearLine+"%s"
	}
	now := time.Now()
	if now.Sub(p.shown) < interval {
		return nil
	}
	p.shown, p.dirty = now, p.terminal
	_, err := fmt.Fprintf(p.w, format, line)
	return err
}

// clear takes the line away, so that others can be printed.
func (p *simProgress) clear() {
	if p.dirty {
		p.dirty = false
		_, _ = io.WriteString(p.w, clearLine) // it is only for the looks
	}
}
