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
	Took  time.Duration // of what ends here, 0 for what has no length
}

// String is the line as it is printed: one, whatever the text is.
func (h Happening) String() string {
	return fmt.Sprintf("%12.6fs  %-9s %-12s %s", h.At.Seconds(), oneLine(h.Where), h.What, h.Line())
}

// Line is the text, on one line, cut if it is long, and how long it took.
func (h Happening) Line() string {
	if h.Took > 0 {
		return oneLine(h.Text) + " (" + rounded(h.Took).String() + ")"
	}
	return oneLine(h.Text)
}

// textShown is how much of a text is shown, in bytes: an actor's answer or a stack may be of any length.
const textShown = 500

// oneLine is a text without ends of lines, and not too much of it.
func oneLine(text string) string {
	if len(text) > textShown {
		text = strings.ToValidUTF8(text[:textShown], "") + " ..."
	}
	return strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(text)
}

// rounded is a time to three digits.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// timeline collects what happens, if it is asked to.
type timeline struct {
	w    *world
	list []Happening
	// claims and fences are as they were last told of.
	claims map[string]claimRecord
	fences map[string]fenceRecord
}

func newTimeline(w *world) *timeline {
	return &timeline{w: w, claims: make(map[string]claimRecord), fences: make(map[string]fenceRecord)}
}

func (t *timeline) add(where, what, format string, args ...any) {
	t.addAt(t.w.now(), where, what, format, args...)
}

func (t *timeline) addAt(at time.Duration, where, what, format string, args ...any) {
	if !t.w.Trace {
		return
	}
	if what == "calm" {
		t.stopFaults(at)
	}
	t.list = append(t.list, Happening{At: at, Where: where, What: what, Text: fmt.Sprintf(format, args...)})
}

// faultOver is what the end of a fault is called.
const faultOver = "fault over"

// over adds the end of a fault, if it is one that lasts and found somebody to befall.
func (t *timeline) over(e Event) {
	if !t.w.Trace {
		return
	}
	for i := len(t.list) - 1; i >= 0; i-- {
		if h := t.list[i]; h.What == "fault" && h.Text == e.String() {
			if took := e.lasted(t.w.now() - h.At); took > 0 {
				t.list = append(t.list, Happening{At: h.At + took, What: faultOver, Text: h.Text, Took: took})
			}
			return
		}
	}
}

// lasted returns how long a fault has lasted, if making it happen took so long; 0 if it does not last.
func (e Event) lasted(took time.Duration) time.Duration {
	switch e.Fault {
	case "clog", "handles", "refuse": // it ends by the clock, whenever the task that has begun it does
		return duration(e.Args[len(e.Args)-1])
	case "slow": // the task waits for a heartbeat more
		return min(took, duration(e.Args[len(e.Args)-1]))
	case "break-claim", "break-lease": // the command took so long
		return 0
	}
	return took
}

// stopFaults has every fault end by a time at which all do.
func (t *timeline) stopFaults(at time.Duration) {
	for i := range t.list {
		if h := &t.list[i]; h.What == faultOver && h.At > at {
			h.Took -= h.At - at
			h.At = at
		}
	}
}

// op adds a call that has ended.
func (t *timeline) op(op *Op) {
	if !t.w.Trace {
		return
	}
	text := strings.TrimPrefix(op.String(), op.Client+" ") // who called is said already
	text = strings.Replace(text, "(<nil>)", "()", 1)
	t.list = append(t.list, Happening{At: t.w.now(), Where: op.Client, What: "call", Text: text, Took: op.To - op.From})
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
