// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestWatch shows that a listing is printed again until somebody asks to stop, each time on an empty screen, and that
// a failure ends it.
func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"terminal", true, strings.Repeat(clearScreen+"x\n", 3)},
		{"file", false, "x\nx\nx\n"},
	} {
		var out strings.Builder
		signals := make(chan os.Signal, 1)
		k := &kelpie{
			Process: cli.Process{Stdout: &out, Signals: func() (<-chan os.Signal, func()) {
				return signals, func() {}
			}},
			isTerminal: func(any) bool { return c.terminal },
		}
		ticks := make(chan time.Time, 2)
		ticks <- time.Time{}
		ticks <- time.Time{}
		printed := 0
		err := k.repeat(ticks, k.patience(0), func(w io.Writer) error {
			if printed++; printed == 3 {
				signals <- os.Interrupt
			}
			_, err := io.WriteString(w, "x\n")
			return err
		})
		if err != nil || out.String() != c.want {
			t.Errorf("%s: printed %q (%v)", c.name, out.String(), err)
		}
	}

	want := errors.New("no node answers")
	k := &kelpie{
		Process: cli.Process{Stdout: io.Discard, Signals: func() (<-chan os.Signal, func()) {
			return nil, func() {}
		}}, isTerminal: isTerminal}
	if err := k.repeat(nil, k.patience(time.Minute), func(io.Writer) error { return want }); err != want {
		t.Errorf("ended with %v", err)
	}
}

// TestPatience shows that a watcher looks on while nobody answers, for as long as it may, and tells of that once.
func TestPatience(t *testing.T) {
	var told strings.Builder
	now := time.Unix(0, 0)
	p := &patience{timeout: time.Minute, stderr: &told, now: func() time.Time { return now }}
	silent, refused := api.Errorf(api.CodeUnavailable, "no node answers"), api.Errorf(api.CodeInvalidArgument, "what?")
	if err := p.after(silent); err != silent {
		t.Errorf("nobody has ever answered: %v", err)
	}
	for i, step := range []struct {
		passes    time.Duration
		err, want error
		told      string
	}{
		{0, nil, nil, ""},
		{59 * time.Second, silent, nil, "warning: no node answers; retrying for up to 1m0s\n"},
		{time.Second, silent, nil, ""},
		{0, nil, nil, "the cluster answers again\n"},
		{time.Minute, silent, nil, "warning: no node answers; retrying for up to 1m0s\n"},
		{time.Millisecond, silent, silent, ""},
		{0, nil, nil, "the cluster answers again\n"},
		{0, refused, refused, ""},
	} {
		now = now.Add(step.passes)
		told.Reset()
		if err := p.after(step.err); err != step.want || told.String() != step.told {
			t.Errorf("step %d: %v, and %q", i, err, told.String())
		}
	}
}
