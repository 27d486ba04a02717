// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestTimeline shows that a timeline tells every call, every planned fault and what became of claims and leases, in
// order of time and in columns; and that telling it changes nothing.
func TestTimeline(t *testing.T) {
	for _, o := range []sim.Options{{Seed: 5}, {Seed: 2, Profile: "storm", Calls: 20}} {
		silent := run(t, o)
		o.Trace = true
		r := run(t, o)
		if r.TraceHash != silent.TraceHash || r.Steps != silent.Steps {
			t.Errorf("%s: %016x in %d steps with a timeline, %016x in %d without", o.Flags(), r.TraceHash, r.Steps,
				silent.TraceHash, silent.Steps)
		}
		if len(silent.Timeline) > 0 {
			t.Errorf("%s: %d lines that nobody has asked for", o.Flags(), len(silent.Timeline))
		}
		kinds := make(map[string]int)
		var last time.Duration
		for _, h := range r.Timeline {
			kinds[h.What]++
			if h.At < last {
				t.Errorf("out of order: %v", h)
			}
			last = h.At
			if line := h.String(); len(line) < 39 || line[12:15] != "s  " || line[24] != ' ' || line[37] != ' ' ||
				line[38] == ' ' {
				t.Errorf("not in columns: %q", line)
			}
		}
		if kinds["call"] != len(r.Ops) || kinds["fault"] != len(r.Config.Plan) {
			t.Errorf("%s: %d calls of %d, %d faults of %d", o.Flags(), kinds["call"], len(r.Ops), kinds["fault"],
				len(r.Config.Plan))
		}
		for _, want := range []string{"claim", "lease", "start", "stop", "log", "fault over"} {
			if kinds[want] == 0 {
				t.Errorf("%s: no %s", o.Flags(), want)
			}
		}
	}
}

// TestTimelineOfFaults shows when faults are said to end: what lasts does after its length, or when all faults do,
// what does not and what finds nobody to befall never.
func TestTimelineOfFaults(t *testing.T) {
	plan, err := sim.ParsePlan("1s partition n1 n2 2s; 1s clock n1 1h; 1s refuse n2 1s; 1s crash n3 3s; 2s slow n3 " +
		"1ms 1s; 2s slow n1 1ms 1s; 3s break-claim counter/0; 7s handles n1 1h")
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, sim.Options{Seed: 1, Profile: "smoke", Nodes: 3, Faults: []string{}, Plan: &plan, Trace: true})
	began := make(map[string]time.Duration)
	over := make(map[string]time.Duration)
	var calm time.Duration
	for _, h := range r.Timeline {
		switch h.What {
		case "fault":
			began[h.Text] = h.At
		case "fault over":
			over[h.Text] = h.Took
			if h.At != began[h.Text]+h.Took {
				t.Errorf("%v: it began at %v", h, began[h.Text])
			}
		case "calm":
			calm = h.At
		}
	}
	for _, e := range plan {
		text := e.String()
		want := map[string]time.Duration{"partition": 2 * time.Second, "refuse": time.Second,
			"slow": time.Second}[e.Fault]
		switch {
		case text == "2s slow n3 1ms 1s":
			want = 0 // n3 is down
		case e.Fault == "handles":
			want = calm - began[text]
		case e.Fault == "crash":
			if over[text] < 3*time.Second || over[text] > 5*time.Second {
				t.Errorf("%s: over after %v", text, over[text])
			}
			continue
		}
		if over[text] != want {
			t.Errorf("%s: over after %v, not %v", text, over[text], want)
		}
	}
}

// TestHappeningIsOneLine shows that a text of any kind and length is one line, and a length of time three digits.
func TestHappeningIsOneLine(t *testing.T) {
	h := sim.Happening{At: time.Second, Where: "c1", What: "call", Text: "a\nb\r" + strings.Repeat("é", 5000),
		Took: 1069362765}
	line := h.String()
	if strings.ContainsAny(line, "\r\n") || !strings.Contains(line, `a\nb\r`) ||
		!strings.HasSuffix(line, " ... (1.07s)") || len(line) > 600 {
		t.Errorf("%q", line)
	}
	if strings.ToValidUTF8(line, "?") != line {
		t.Errorf("a letter is cut in two: %q", line)
	}
}
