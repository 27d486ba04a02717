// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Happening is a line of a timeline.
type Happening struct {
	At    time.Duration
	Where string // a machine, "" for the world
	What  string // a kind: fault, call, claim ...
	Text  string
}

// String is the line as it is printed.
func (h Happening) String() string {
	return fmt.Sprintf("%12.6fs  %-9s %-12s %s", h.At.Seconds(), h.Where, h.What, h.Text)
}

// timeline collects what happens, if it is asked to.
type timeline struct {
	w    *world
	list []Happening
}

func newTimeline(w *world) *timeline { return &timeline{w: w} }

func (t *timeline) add(where, what, format string, args ...any) {
	t.addAt(t.w.now(), where, what, format, args...)
}

func (t *timeline) addAt(at time.Duration, where, what, format string, args ...any) {
	if t.w.Trace {
		t.list = append(t.list, Happening{At: at, Where: where, What: what, Text: fmt.Sprintf(format, args...)})
	}
}

// op adds a call that has ended.
func (t *timeline) op(op *Op) {
	if t.w.Trace {
		t.add(op.Client, "call", "%v (%v)", op, op.To-op.From)
	}
}

// logger is the log of a node, as part of the timeline.
func (t *timeline) logger(where string) *slog.Logger {
	if !t.w.Trace {
		return nil
	}
	return slog.New(&logHandler{t: t, where: where})
}

// logHandler implements slog.Handler.
type logHandler struct {
	t     *timeline
	where string
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	b := new(strings.Builder)
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(b, " %s=%v", a.Key, a.Value)
		return true
	})
	h.t.add(h.where, "log", "%s", b)
	return nil
}

// WithAttrs implements slog.Handler. Nodes don't use it.
func (h *logHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler. Nodes don't use it.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
