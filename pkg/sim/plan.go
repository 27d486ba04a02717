// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Plan is what happens to the world when, in order of time. As text it is events with semicolons or ends of lines
// between them, each a time, a fault and what it befalls: "1.2s crash n1 3s; 4s cut n2 store 2s".
type Plan []Event

// Event is one fault.
type Event struct {
	At    time.Duration // since the clients began
	Fault string
	Args  []string
}

// String returns the event as ParsePlan reads it.
func (e Event) String() string {
	return strings.Join(append([]string{e.At.String(), e.Fault}, e.Args...), " ")
}

// String returns the plan as ParsePlan reads it, on one line.
func (p Plan) String() string {
	events := make([]string, len(p))
	for i, e := range p {
		events[i] = e.String()
	}
	return strings.Join(events, "; ")
}

// ParsePlan reads a plan. What follows a # on a line is a comment. Errors are CodeInvalidArgument.
func ParsePlan(text string) (Plan, error) {
	plan := Plan{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for part := range strings.SplitSeq(line, ";") {
			words := strings.Fields(part)
			if len(words) == 0 {
				continue
			}
			at, err := time.ParseDuration(words[0])
			if err != nil || at < 0 || len(words) < 2 {
				return nil, api.Errorf(api.CodeInvalidArgument, "plan: %q: an event is a time, a fault and what it "+
					"befalls, such as \"1.5s crash n1 3s\"", strings.TrimSpace(part))
			}
			plan = append(plan, Event{At: at, Fault: words[1], Args: words[2:]})
		}
	}
	plan.sort()
	return plan, nil
}

func (p Plan) sort() {
	slices.SortStableFunc(p, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
}

// validate checks that all events can happen in a run. Errors are CodeInvalidArgument.
func (p Plan) validate(c *Config) error {
	for _, e := range p {
		f := faultNamed(e.Fault)
		if f == nil || f.params == nil {
			return api.Errorf(api.CodeInvalidArgument, "plan: %q: there is no fault %q to plan; kelpie sim ls lists "+
				"the faults there are", e, e.Fault)
		}
		if err := checkArgs(f.params, e.Args); err != nil {
			return api.Errorf(api.CodeInvalidArgument, "plan: %q: %v", e, err)
		}
		for _, arg := range e.Args {
			if err := p.checkThere(c, arg); err != nil {
				return api.Errorf(api.CodeInvalidArgument, "plan: %q: %v", e, err)
			}
		}
	}
	return nil
}

// checkThere checks that a machine that is named is part of the run, or joins it by the plan.
func (p Plan) checkThere(c *Config, name string) error {
	nodes := c.Nodes
	for _, e := range p {
		if e.Fault != "join" || len(e.Args) == 0 {
			continue
		}
		if more, err := strconv.Atoi(e.Args[0]); err == nil {
			nodes = max(nodes, c.Nodes+more)
		}
	}
	if n, ok := numbered(name, "n"); ok && n > nodes {
		return fmt.Errorf("there is no %s: the run has %d nodes", name, nodes)
	}
	if n, ok := numbered(name, "c"); ok && n > c.Clients {
		return fmt.Errorf("there is no %s: the run has %d clients", name, c.Clients)
	}
	return nil
}

// drawPlan draws events of the faults that are part of the run.
func drawPlan(d draw, c *Config) Plan {
	plan := Plan{}
	for _, name := range c.Faults {
		f := faultNamed(name)
		if f.params == nil {
			continue
		}
		r := d.source("plan " + name)
		// Once in about so many seconds; the clients begin a little before the first.
		for range eventsOf(r, c.For, f.every) {
			at := time.Duration(r.Int64N(int64(c.For))).Round(time.Millisecond)
			plan = append(plan, Event{At: at, Fault: name, Args: drawArgs(r, c, f.params)})
		}
	}
	plan.sort()
	return plan
}

func eventsOf(r *env.Rand, length, every time.Duration) int {
	most := max(1, int(length/every))
	return 1 + r.IntN(most)
}
