// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

const (
	// callsShown and linesShown bound the page, which browsers draw as a whole.
	callsShown = 20_000
	linesShown = 5_000
	// pageWidth is of how many units the length of a run is drawn.
	pageWidth  = 2000.0
	laneHeight = 26
)

// WriteHTML writes a page that shows a run: a lane for each machine with its calls, processes, faults and log, and the
// histories that no order explains as porcupine draws them. It needs nothing from the network. The run must have been
// traced; of a large one the first part is shown, and said so. Errors are those of w.
func WriteHTML(w io.Writer, r *Result) error {
	p := &page{Result: r, scale: pageWidth / max(r.Elapsed.Seconds(), 0.001)}
	p.Command = "kelpie sim " + r.Config.Options().Flags()
	p.layOut()
	for _, pic := range r.Pictures {
		var b bytes.Buffer
		if err := porcupine.Visualize(pic.model, pic.info, &b); err != nil {
			return fmt.Errorf("drawing the history of %s: %w", pic.Actor, err)
		}
		p.Histories = append(p.Histories, historyFrame{pic.Actor.String(), b.String()})
	}
	return pageTemplate.Execute(w, p)
}

// page is what the template shows.
type page struct {
	*Result
	Command   string
	Lanes     []*lane
	Marks     []mark // violations, across all lanes
	Lines     []Happening
	Histories []historyFrame
	// CallsLeft and LinesLeft are how many are not shown.
	CallsLeft, LinesLeft int
	Width, Height        int

	scale float64 // units a second
	lanes map[string]*lane
}

type historyFrame struct {
	Actor, Page string
}

// lane is what happens on one machine.
type lane struct {
	Name  string
	Y     int
	Spans []span
	Marks []mark
}

// span is something that takes time, mark something that does not.
type span struct {
	Class string
	X, W  float64
	Text  string
}

type mark struct {
	Class string
	X     float64
	Text  string
}

// LaneHeight is the height of a lane.
func (p *page) LaneHeight() int { return laneHeight }

func (p *page) x(t time.Duration) float64 { return t.Seconds() * p.scale }

func (p *page) layOut() {
	p.lanes = make(map[string]*lane)
	p.lane("world")
	for i := range p.Config.Nodes {
		p.lane(nodeID(i))
	}
	for i := range p.Config.Clients {
		p.lane(clientID(i))
	}
	p.events()
	p.calls()
	p.Width, p.Height = pageWidth, laneHeight*len(p.Lanes)
	p.Lines = p.Timeline[:min(len(p.Timeline), linesShown)]
	p.LinesLeft = len(p.Timeline) - len(p.Lines)
}

// lane returns the lane of a machine, a new one below the others if it has none.
func (p *page) lane(name string) *lane {
	if name == "" {
		name = "world"
	}
	l := p.lanes[name]
	if l == nil {
		l = &lane{Name: name, Y: laneHeight * len(p.Lanes)}
		p.lanes[name] = l
		p.Lanes = append(p.Lanes, l)
	}
	return l
}

// events draws the timeline: processes as spans from their start to their end, everything else but calls as marks.
func (p *page) events() {
	started := make(map[string]time.Duration)
	for _, h := range p.Timeline {
		text := h.String()
		switch h.What {
		case "call":
		case "violation":
			p.Marks = append(p.Marks, mark{"violation", p.x(h.At), text})
		case "start":
			started[h.Where] = h.At
		case "killed":
			p.process(h.Where, started, h.At, text)
		case "fault":
			l := p.lane("")
			l.Spans = append(l.Spans, span{"fault", p.x(h.At), max(p.x(faultLength(h.Text)), 2), text})
		default:
			l := p.lane(h.Where)
			l.Marks = append(l.Marks, mark{markClass(h.What), p.x(h.At), text})
		}
	}
	for _, l := range slices.Clone(p.Lanes) {
		p.process(l.Name, started, p.Elapsed, "to the end")
	}
}

func markClass(what string) string {
	switch what {
	case "log", "calm", "stop":
		return what
	}
	return "event"
}

func (p *page) process(where string, started map[string]time.Duration, end time.Duration, text string) {
	from, ok := started[where]
	if !ok {
		return
	}
	delete(started, where)
	l := p.lane(where)
	l.Spans = append(l.Spans, span{"process", p.x(from), p.x(end - from), "process from " + from.String() + "; " + text})
}

// faultLength is how long a planned fault lasts: its last argument, if that is a time.
func faultLength(text string) time.Duration {
	plan, err := ParsePlan(text)
	if err != nil || len(plan) != 1 || len(plan[0].Args) == 0 {
		return 0
	}
	d, err := time.ParseDuration(plan[0].Args[len(plan[0].Args)-1])
	if err != nil {
		return 0
	}
	return max(d, 0)
}

func (p *page) calls() {
	for i, op := range p.Ops {
		if i == callsShown {
			p.CallsLeft = len(p.Ops) - i
			return
		}
		end := op.To
		if end == 0 {
			end = p.Elapsed
		}
		l := p.lane(op.Client)
		l.Spans = append(l.Spans, span{op.Outcome.String(), p.x(op.From), max(p.x(end-op.From), 0.5), op.String()})
	}
}
