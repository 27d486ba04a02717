// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestHTML shows that the page of a failed run has its calls, machines, violations and history, and that nothing in
// it ends the text that it is in.
func TestHTML(t *testing.T) {
	r := run(t, sim.Options{Seed: 4, Bug: "early-reply", Trace: true})
	if len(r.Violations) == 0 || len(r.Pictures) == 0 {
		t.Fatalf("the run found %v, and drew %d pictures: take another seed", r.Violations, len(r.Pictures))
	}
	hostile := `</title><script>alert("x")</script>'&`
	r.Ops = append(r.Ops, &sim.Op{Client: "c1", Actor: api.ActorID{Namespace: "x", ID: hostile}, Method: hostile,
		Err: errors.New(hostile)})
	r.Timeline = append(r.Timeline, sim.Happening{Where: hostile, What: "log", Text: hostile})
	r.Violations[0].What = hostile
	b := new(strings.Builder)
	if err := sim.WriteHTML(b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, hostile) || strings.Contains(page, "<script>alert") {
		t.Error("text is not escaped")
	}
	for _, want := range []string{"kelpie sim --seed 4", ">n1<", ">c1<", "linearizable", "srcdoc=", "class=\"fault\"",
		"class=\"process\""} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	drawn := make(map[sim.Outcome]int)
	for _, op := range r.Ops {
		drawn[op.Outcome]++
	}
	for outcome, want := range drawn {
		if n := strings.Count(page, "<rect class=\""+outcome.String()+"\""); n != want {
			t.Errorf("%d calls are drawn as %v of %d", n, outcome, want)
		}
	}
	for _, op := range r.Ops {
		if !strings.Contains(page, template.HTMLEscapeString(op.String())) {
			t.Errorf("the page lacks %v", op)
		}
	}
	for _, v := range r.Violations {
		if !strings.Contains(page, template.HTMLEscapeString(v.What)) {
			t.Errorf("the page lacks %v", v)
		}
	}
	for _, outside := range []string{"src=\"http", "href=\"http", "@import", "url("} {
		if strings.Contains(page[:strings.Index(page, "srcdoc=")], outside) {
			t.Errorf("the page needs something from outside: %s", outside)
		}
	}
	wellFormed(t, page[strings.Index(page, "<svg"):strings.Index(page, "</svg>")+len("</svg>")])
}

// TestHTMLIsBounded shows that a run of any size makes a page that a browser can show, that says what it leaves out,
// and leaves out no violation.
func TestHTMLIsBounded(t *testing.T) {
	r := run(t, sim.Options{Seed: 1, Profile: "smoke", Trace: true})
	op, line := *r.Ops[0], r.Timeline[0]
	op.Output, line.Text = strings.Repeat("long ", 1000), strings.Repeat("long ", 1000)
	for len(r.Ops) < 30_000 {
		r.Ops, r.Timeline = append(r.Ops, &op), append(r.Timeline, line)
	}
	r.Timeline = append(r.Timeline, sim.Happening{What: "violation", Text: "the last of all"})
	b := new(strings.Builder)
	if err := sim.WriteHTML(b, r); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 64<<20 {
		t.Errorf("the page has %d bytes", b.Len())
	}
	if n := strings.Count(b.String(), "<rect class=\""); n > 21_000 {
		t.Errorf("%d things are drawn", n)
	}
	for _, want := range []string{fmt.Sprintf("%d more calls", len(r.Ops)-20_000), "more lines are not shown",
		"<td>the last of all</td>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestHTMLOfFaults shows in whose lane a fault is drawn, and how long: the hour by which a clock jumps is none that
// it lasts.
func TestHTMLOfFaults(t *testing.T) {
	plan, err := sim.ParsePlan("1s clock n1 1h; 1s cut n2 2s; 3s stall 1s; 4s break-claim counter/0")
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, sim.Options{Seed: 1, Profile: "smoke", Faults: []string{}, Plan: &plan, Trace: true})
	b := new(strings.Builder)
	if err := sim.WriteHTML(b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if n := strings.Count(page, "<rect class=\"fault\""); n != 2 {
		t.Errorf("%d faults last, not those of cut and stall", n)
	}
	lanes := strings.Split(page[strings.Index(page, "<svg"):strings.Index(page, "</svg>")], "<g ")[1:]
	// the world, n1, n2, n3, store, operator
	for i, want := range []string{"", "clock n1", "cut n2", "", "stall 1s", "break-claim"} {
		for _, e := range plan {
			if has := strings.Contains(lanes[i], e.String()); has != (want != "" && strings.Contains(e.String(), want)) {
				t.Errorf("%s is in lane %d: %t", e, i, has)
			}
		}
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(fmt.Errorf("the drawing is not well formed: %w", err))
		}
	}
}
