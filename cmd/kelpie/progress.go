// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"time"

	"github.com/kelpiehq/kelpie/internal/human"
)

// progressOnTerminal is how often a line on a terminal is written over.
const progressOnTerminal = 200 * time.Millisecond

// clearLine puts the cursor at the beginning of the line and empties it.
const clearLine = "\r\x1b[K"

// progress is a line on stderr that tells how far something has come.
type progress struct {
	w        io.Writer
	terminal bool
	// elsewhere is how often it is shown where there is no terminal; 0 is never.
	elsewhere time.Duration
	shown     time.Time
	// dirty says that a line is there to write over.
	dirty bool
}

func (k *kelpie) newProgress(elsewhere time.Duration) *progress {
	p := &progress{w: k.Stderr, terminal: k.isTerminal(k.Stderr), elsewhere: elsewhere}
	if !p.terminal {
		p.shown = time.Now()
	}
	return p
}

// say shows a line, unless the last is too young.
func (p *progress) say(line string) error {
	interval, format := p.elsewhere, "%s\n"
	if p.terminal {
		interval, format = progressOnTerminal, clearLine+"%s"
	}
	now := time.Now()
	if interval == 0 || now.Sub(p.shown) < interval {
		return nil
	}
	p.shown, p.dirty = now, p.terminal
	_, err := human.Fprintf(p.w, format, line)
	return err
}

// clear takes the line away, so that others can be printed.
func (p *progress) clear() {
	if p.dirty {
		p.dirty = false
		_, _ = io.WriteString(p.w, clearLine) // failing to show progress is harmless
	}
}
