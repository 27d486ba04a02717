// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// fault is a harm, and its repair.
type fault struct {
	name  string
	lasts span
	// do harms the process for that long, or until ctx ends, and repairs it.
	do func(ctx context.Context, l *lane, lasts time.Duration)
}

var nodeFaults = []fault{
	{"killed", span{0, 4 * time.Second}, kill},
	{"paused", span{200 * time.Millisecond, 8 * time.Second}, pause},
	{"stopped", span{0, 4 * time.Second}, stop},
}

// What is done to the store is done to everybody, so it is shorter.
var storeFaults = []fault{
	{"killed", span{0, 2 * time.Second}, kill},
	{"paused", span{200 * time.Millisecond, 2 * time.Second}, pause},
}

// kill kills the process, and starts it again later.
func kill(ctx context.Context, l *lane, lasts time.Duration) {
	l.journal.add("kill %s for %v", l.process.name, lasts.Round(time.Millisecond))
	l.process.kill()
	l.wait(ctx, lasts)
	l.start()
}

// pause stops the process where it is, and lets it go on as if nothing had happened.
func pause(ctx context.Context, l *lane, lasts time.Duration) {
	l.journal.add("pause %s for %v", l.process.name, lasts.Round(time.Millisecond))
	if err := l.process.signal(syscall.SIGSTOP); err != nil {
		l.fail("can't be paused: %v", err)
		return
	}
	l.wait(ctx, lasts)
	l.journal.add("continue %s", l.process.name)
	if err := l.process.signal(syscall.SIGCONT); err != nil {
		l.fail("can't go on: %v", err)
	}
}

// stop ends the process gracefully, and starts it again later. It may say that it found no store to take leave of.
func stop(ctx context.Context, l *lane, lasts time.Duration) {
	l.journal.add("stop %s for %v", l.process.name, lasts.Round(time.Millisecond))
	switch err := l.process.stop(); {
	case errors.Is(err, errUnavailable):
		l.journal.add("%s has stopped, but not cleanly: %v", l.process.name, err)
	case err != nil:
		l.fail("was asked to stop: %v", err)
	default:
		l.journal.add("%s has stopped", l.process.name)
	}
	l.wait(ctx, lasts)
	if l.process.cmd == nil {
		l.start()
	}
}
