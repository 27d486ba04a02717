// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// logInterval is how often a kind of message is logged: Pebble tries again at once what has failed.
const logInterval = 10 * time.Second

// logger takes what Pebble logs. Its other messages are for Pebble's developers.
type logger struct {
	to *slog.Logger
	// fatal is told that Pebble can't go on, and does not return; nil has Fatalf panic.
	fatal func(error)

	mu    sync.Mutex
	kinds map[string]*said
}

// said is what was logged of a kind of message.
type said struct {
	at      time.Time
	dropped int // since then
}

// logKindsMax bounds the kinds that are told apart.
const logKindsMax = 1000

func newLogger(to *slog.Logger) *logger { return &logger{to: to, kinds: make(map[string]*said)} }

// say logs a message unless one of its kind was logged lately; the next one says how many were not.
func (l *logger) say(level slog.Level, kind, message string, args ...any) {
	if !l.to.Enabled(context.Background(), level) {
		return
	}
	l.mu.Lock()
	k := l.kinds[kind]
	if k == nil {
		if len(l.kinds) >= logKindsMax {
			clear(l.kinds)
		}
		k = &said{}
		l.kinds[kind] = k
	}
	if now := time.Now(); now.Sub(k.at) < logInterval {
		k.dropped++
		l.mu.Unlock()
		return
	} else if k.at = now; k.dropped > 0 {
		args = append(args, "not_logged", k.dropped)
		k.dropped = 0
	}
	l.mu.Unlock()
	l.to.Log(context.Background(), level, message, args...)
}

// Infof implements pebble.Logger.
func (l *logger) Infof(format string, args ...any) {
	if l.to.Enabled(context.Background(), slog.LevelDebug) {
		l.to.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (l *logger) Errorf(format string, args ...any) {
	l.say(slog.LevelError, format, "pebble: "+fmt.Sprintf(format, args...))
}

// Fatalf does not return: Pebble can't go on. The store has failed then. Where there is none yet it panics, which
// becomes the error of the call.
func (l *logger) Fatalf(format string, args ...any) {
	err := &fatalError{message: fmt.Sprintf(format, args...)}
	for _, arg := range args {
		if cause, ok := arg.(error); ok {
			err.cause = cause
		}
	}
	l.to.Error("pebble: fatal: " + err.message)
	if l.fatal != nil {
		l.fatal(err)
	}
	panic(err)
}

// fatalError is why Pebble can't go on.
type fatalError struct {
	message string
	cause   error // nil if it is not known
}

func (e *fatalError) Error() string { return "pebbledb: " + e.message }

func (e *fatalError) Unwrap() error { return e.cause }
