// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// watchInterval is how often --watch looks again.
const watchInterval = 2 * time.Second

// watch prints every watchInterval. It ends when nobody has answered for as long as timeout says.
func (k *kelpie) watch(timeout time.Duration, print func(w io.Writer) error) error {
	ticks := time.NewTicker(watchInterval)
	defer ticks.Stop()
	return k.repeat(ticks.C, k.patience(timeout), print)
}

// repeat prints, and again at every tick, until it fails for good or a signal asks to stop. A terminal shows only the
// latest, and that at once when it is complete; elsewhere rows are printed as they come.
func (k *kelpie) repeat(ticks <-chan time.Time, p *patience, print func(w io.Writer) error) error {
	return k.lookOn(ticks, p, func() error { return k.look(print) })
}

// lookOn looks, and again at every tick, until that fails for good or a signal asks to stop.
func (k *kelpie) lookOn(ticks <-chan time.Time, p *patience, look func() error) error {
	signals, done := k.Signals()
	defer done()
	for {
		if err := p.after(look()); err != nil {
			return err
		}
		select {
		case <-signals:
			return nil
		case <-ticks:
		}
	}
}

// look prints once.
func (k *kelpie) look(print func(w io.Writer) error) error {
	if !k.isTerminal(k.Stdout) {
		return print(k.Stdout)
	}
	var b strings.Builder
	b.WriteString(clearScreen)
	if err := print(&b); err != nil {
		return err
	}
	_, err := io.WriteString(k.Stdout, b.String())
	return err
}

// patience is how long a watcher looks on while nobody answers: nodes die and are started again under those who watch
// them.
type patience struct {
	timeout time.Duration
	stderr  io.Writer
	now     func() time.Time
	// heard is when somebody has answered for the last time, zero before the first.
	heard time.Time
	lost  bool
}

func (k *kelpie) patience(timeout time.Duration) *patience {
	return &patience{timeout: timeout, stderr: k.Stderr, now: time.Now}
}

// after takes what has come of a look. It returns nil if there is to be another, or err.
func (p *patience) after(err error) error {
	switch {
	case err == nil:
		if p.lost {
			fmt.Fprintln(p.stderr, "the cluster answers again")
		}
		p.heard, p.lost = p.now(), false
		return nil
	case cli.ExitCodeOf(err) != cli.ExitUnavailable, p.heard.IsZero(), p.now().Sub(p.heard) > p.timeout:
		return err
	case !p.lost:
		fmt.Fprintf(p.stderr, "warning: %s; retrying for up to %v\n", cli.Message(err), p.timeout)
	}
	p.lost = true
	return nil
}
