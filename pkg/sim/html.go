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
	linesShown = 20_000
	// picturesShown and pictureBytesMax bound what porcupine draws, which grows faster than the history.
	picturesShown   = 5
	pictureBytesMax = 4 << 20
	// pageWidth is of how many units the length of a run is drawn.
	pageWidth  = 2000.0
	laneHeight = 26
	// ticksMax is how many times at most are written above the lanes.
	ticksMax = 25
)

// WriteHTML writes a page that shows a run: a lane for each machine with its calls, processes, faults and log, and the
// histories that no order explains as porcupine draws them. It needs nothing from the network. The run must have been
// traced; of a large one the first part is shown, and said so. Errors are those of w.
func WriteHTML(w io.Writer, r *Result) error {
	p := &page{Result: r, scale: pageWidth / max(r.Elapsed.Seconds(), 0.001)}
	p.Command = "kelpie sim " + r.Config.Options().Flags()
	p.layOut()
	if err := p.histories(); err != nil {
		return err
	}
	return pageTemplate.Execute(w, p)
}

// histories has porcupine draw what no order explains.
func (p *page) histories() error {
	for _, pic := range p.Pictures {
		var b bytes.Buffer
		if len(p.Histories) < picturesShown {
			if err := porcupine.Visualize(pic.model, pic.info, &b); err != nil {
				return fmt.Errorf("drawing the history of %s: %w", pic.Actor, err)
			}
		}
		if b.Len() == 0 || b.Len() > pictureBytesMax {
			p.HistoriesLeft = append(p.HistoriesLeft, pic.Actor.String())
			continue
		}
		p.Histories = append(p.Histories, historyFrame{pic.Actor.String(), b.String()})
	}
	return nil
}

// page is what the template shows.
type page struct {
	*Result
	Command   string
	Lanes     []*lane
	Marks     []mark // violations, across all lanes
	Ticks     []tick
	Lines     []Happening
	Histories []historyFrame
	// CallsLeft and LinesLeft are how many are not shown, HistoriesLeft of which actors.
	CallsLeft, LinesLeft int
	HistoriesLeft        []string
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

// bands are where in its lane a span is drawn, and how high, by its class: so that what overlaps can be told apart, and
// outcomes without their colours.
var bands = map[string]struct{ y, height int }{
	"process": {2, 22}, "ok": {6, 10}, "refused": {9, 4}, "unknown": {3, 16}, "fault": {19, 6},
}

// Y is how far below the upper edge of its lane a span begins.
func (s span) Y() int { return bands[s.Class].y }

// Height is how high a span is.
func (s span) Height() int { return bands[s.Class].height }

// tick is a time that is written above the lanes, Left percent of the way from left to right.
type tick struct {
	X, Left float64
	At      string
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
	p.lane("")
	for i := range p.Config.Nodes {
		p.lane(nodeID(i))
	}
	p.others()
	for _, name := range []string{storeHost, operatorHost} {
		p.lane(name)
	}
	for i := range p.Config.Clients {
		p.lane(clientID(i))
	}
	p.events()
	p.calls()
	p.ticks()
	p.Width, p.Height = pageWidth, laneHeight*len(p.Lanes)
	for _, h := range p.Timeline {
		if len(p.Lines) >= linesShown && h.What != "violation" {
			p.LinesLeft++
			continue
		}
		p.Lines = append(p.Lines, h)
	}
}

// others has lanes for the processes that are there besides those the run began with, next to them.
func (p *page) others() {
	for _, h := range p.Timeline {
		if h.What == "start" {
			p.lane(h.Where)
		}
	}
}

// ticks writes the time above the lanes, at round numbers.
func (p *page) ticks() {
	step := time.Second
	for _, next := range []time.Duration{2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600} {
		if p.Elapsed/step > ticksMax {
			step = next * time.Second
		}
	}
	for at := time.Duration(0); at <= p.Elapsed && len(p.Ticks) <= ticksMax; at += step {
		p.Ticks = append(p.Ticks, tick{p.x(at), 100 * p.x(at) / pageWidth, at.String()})
	}
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

// events draws the timeline: processes and faults from their start to their end, everything else but calls as marks.
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
			for _, l := range p.hurt(h.Text) {
				l.Marks = append(l.Marks, mark{"hit", p.x(h.At), text})
			}
		case faultOver:
			for _, l := range p.hurt(h.Text) {
				l.Spans = append(l.Spans, span{"fault", p.x(h.At - h.Took), max(p.x(h.Took), 0.5), text})
			}
		default:
			l := p.lane(h.Where)
			l.Marks = append(l.Marks, mark{markClass(h.What), p.x(h.At), text})
		}
	}
	for _, l := range slices.Clone(p.Lanes) {
		p.process(l.Name, started, p.Elapsed, "to the end")
	}
}

// hurt returns the lanes of those whom a planned fault befalls, and the world's if it names none.
func (p *page) hurt(text string) []*lane {
	plan, err := ParsePlan(text)
	if err != nil || len(plan) != 1 {
		return []*lane{p.lane("")}
	}
	switch plan[0].Fault {
	case "break-lease", "break-claim":
		return []*lane{p.lane(operatorHost)}
	case "outage", "stall", "recovery":
		return []*lane{p.lane(storeHost)}
	}
	var out []*lane
	for _, arg := range plan[0].Args {
		if l := p.lanes[arg]; l != nil && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return []*lane{p.lane("")}
	}
	return out
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
	l.Spans = append(
		l.Spans, span{"process", p.x(from), p.x(end - from), "process from " + from.String() + "; " + text})
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
		l.Spans = append(
			l.Spans, span{op.Outcome.String(), p.x(op.From), max(p.x(end-op.From), 0.5), oneLine(op.String())})
	}
}
