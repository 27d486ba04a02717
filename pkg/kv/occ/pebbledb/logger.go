// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"fmt"
	"log/slog"
)

// logger takes what Pebble logs. Its other messages are for Pebble's developers.
type logger struct {
	to *slog.Logger
}

func (l logger) Infof(format string, args ...any) {
	l.to.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.to.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf panics: Pebble can't go on. In our own calls of Pebble the panic becomes
// their error; in one of Pebble's tasks it ends the process, as Pebble asks.
func (l logger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.to.Error("pebble: fatal: " + message)
	panic(&fatalError{message})
}

// fatalError is what Fatalf panics with.
type fatalError struct {
	message string
}

func (e *fatalError) Error() string { return "pebbledb: " + e.message }
