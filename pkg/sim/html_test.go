// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// TestHTML shows that the page of a failed run has its calls, machines, violations and history, and that nothing in it ends
// the text that it is in.
func TestHTML(t *testing.T) {
	r := run(t, sim.Options{Seed: 4, Bug: "early-reply", Trace: true})
	if len(r.Violations) == 0 || len(r.Pictures) == 0 {
		t.Fatalf("the run found %v, and drew %d pictures: take another seed", r.Violations, len(r.Pictures))
	}
	hostile := `</title><script>alert("x")</script>'&`
	r.Ops = append(r.Ops, &sim.Op{Client: "c1", Actor: api.ActorID{Namespace: "x", ID: hostile}, Method: hostile, Err: errors.New(hostile)})
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
	for _, want := range []string{"kelpie sim --seed 4", ">n1<", ">c1<", "linearizable", "srcdoc=", "class=\"fault\"", "class=\"process\""} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(page, "<rect class=\"ok\""); n != r.OK {
		t.Errorf("%d answered calls are drawn of %d", n, r.OK)
	}
	wellFormed(t, page[strings.Index(page, "<svg"):strings.Index(page, "</svg>")+len("</svg>")])
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
