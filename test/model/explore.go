// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
)

// Machine is a protocol as a graph of states, which are values: equal states are one.
type Machine[S comparable] struct {
	Start S
	// Next adds all steps that can be taken from a state to out, always in the same order.
	Next func(s S, out *Steps[S])
	// Broken names the promise that a state breaks, "" for none.
	Broken func(s *S) string
	// Done, if not nil, says whether all that is to happen has happened. From each state such a one must be
	// reachable without a fault: then every run in which no step is put off for ever gets there once faults end.
	Done func(s *S) bool
}

// Steps collects the steps from one state.
type Steps[S comparable] struct {
	to    []S
	fault []bool
	// texts are written only when a trace is printed.
	texts   []string
	verbose bool
}

// Step adds a step that the protocol takes by itself. The text is for people; its verbs stand for args.
func (o *Steps[S]) Step(to S, text string, args ...uint8) { o.add(to, false, text, args) }

// Fault adds a step that only chance or somebody outside takes: nothing may count on it.
func (o *Steps[S]) Fault(to S, text string, args ...uint8) { o.add(to, true, text, args) }

func (o *Steps[S]) add(to S, fault bool, text string, args []uint8) {
	o.to, o.fault = append(o.to, to), append(o.fault, fault)
	if o.verbose {
		o.texts = append(o.texts, sprint(text, args))
	}
}

func sprint(text string, args []uint8) string {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a
	}
	return fmt.Sprintf(text, values...)
}

func (o *Steps[S]) reset() { o.to, o.fault, o.texts = o.to[:0], o.fault[:0], o.texts[:0] }

// Report is what an exploration has found.
type Report struct {
	States, Steps, Depth int
	// Violation is the broken promise, "" if all are kept. Trace is the shortest way to it.
	Violation string
	Trace     []string
}

// String is for people.
func (r *Report) String() string {
	if r.Violation == "" {
		return fmt.Sprintf("safe: all of %d states, %d steps, depth %d", r.States, r.Steps, r.Depth)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, after %d steps (%d states seen)", r.Violation, len(r.Trace), r.States)
	for i, step := range r.Trace {
		fmt.Fprintf(&b, "\n  %2d %s", i+1, step)
	}
	return b.String()
}

// Stuck is the violation of a state from which nothing leads to Done without a fault.
const Stuck = "stuck: without another fault, no step leads to the end"

// errTooLarge says that an exploration is not complete.
var errTooLarge = errors.New("more states than allowed")

// digest stands for a state. Two states share one with a probability of 2^-80 in ten million.
type digest [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func digestOf[S comparable](s S) digest {
	return digest{maphash.Comparable(seeds[0], s), maphash.Comparable(seeds[1], s)}
}

// origin says from where a state was first reached, and by which of the steps there.
type origin struct {
	from int32
	step int32
}

type explorer[S comparable] struct {
	machine *Machine[S]
	limit   int
	ids     map[digest]int32
	origins []origin
	// edges are the steps without fault, those from state i at begins[i] and on; done are the states that are at the
	// end. They are kept for machines that have an end.
	edges  []int32
	begins []int
	done   []bool
	report Report
}

// Explore visits every state of a machine, breadth first, up to the first that breaks a promise. It fails if there are
// more states than the limit.
func Explore[S comparable](m *Machine[S], limit int) (*Report, error) {
	x := &explorer[S]{machine: m, limit: limit, ids: make(map[digest]int32)}
	_, _ = x.id(m.Start, origin{from: -1})
	level, first := []S{m.Start}, int32(0)
	for len(level) > 0 {
		next, err := x.expand(level, first)
		if err != nil || x.report.Violation != "" {
			return &x.report, err
		}
		first += int32(len(level))
		level = next
		x.report.Depth++
	}
	x.report.Depth--
	x.findStuck()
	return &x.report, nil
}

// id numbers a state, and reports whether it is new.
func (x *explorer[S]) id(s S, o origin) (id int32, isNew bool) {
	d := digestOf(s)
	if id, ok := x.ids[d]; ok {
		return id, false
	}
	id = int32(len(x.origins))
	x.ids[d] = id
	x.origins = append(x.origins, o)
	x.report.States = len(x.origins)
	if x.machine.Done != nil {
		x.done = append(x.done, x.machine.Done(&s))
	}
	return id, true
}

// expand takes all steps from the states of a level, which are numbered from first on, and returns the next level.
func (x *explorer[S]) expand(level []S, first int32) (next []S, err error) {
	var out Steps[S]
	for i := range level {
		from := first + int32(i)
		out.reset()
		x.machine.Next(level[i], &out)
		x.report.Steps += len(out.to)
		x.begins = append(x.begins, len(x.edges))
		for step, to := range out.to {
			id, isNew := x.id(to, origin{from, int32(step)})
			if x.machine.Done != nil && !out.fault[step] {
				x.edges = append(x.edges, id)
			}
			if !isNew {
				continue
			}
			if why := x.machine.Broken(&to); why != "" {
				x.violated(why, id)
				return nil, nil
			}
			next = append(next, to)
		}
		if len(x.origins) > x.limit {
			return nil, fmt.Errorf("%w: %d", errTooLarge, x.limit)
		}
	}
	return next, nil
}

// findStuck looks for the first state from which no step without fault leads to the end.
func (x *explorer[S]) findStuck() {
	if x.machine.Done == nil {
		return
	}
	x.begins = append(x.begins, len(x.edges))
	gets := reachBack(x.begins, x.edges, x.done)
	for id, ok := range gets {
		if !ok {
			x.violated(Stuck, int32(id))
			return
		}
	}
}

// reachBack returns from which nodes of a graph a goal can be reached. The edges from node i are
// edges[begins[i]:begins[i+1]].
func reachBack(begins []int, edges []int32, goal []bool) []bool {
	nodes := len(goal)
	ends := make([]int, nodes+1) // of the edges to a node, in from
	for _, to := range edges {
		ends[to+1]++
	}
	for i := range nodes {
		ends[i+1] += ends[i]
	}
	from, fill := make([]int32, len(edges)), append([]int(nil), ends...)
	for node := range nodes {
		for _, to := range edges[begins[node]:begins[node+1]] {
			from[fill[to]] = int32(node)
			fill[to]++
		}
	}
	gets := make([]bool, nodes)
	var queue []int32
	for node, ok := range goal {
		if ok {
			gets[node] = true
			queue = append(queue, int32(node))
		}
	}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		for _, f := range from[ends[node]:ends[node+1]] {
			if !gets[f] {
				gets[f] = true
				queue = append(queue, f)
			}
		}
	}
	return gets
}

// violated reports a state, and the steps to it, which it takes again for their texts.
func (x *explorer[S]) violated(why string, id int32) {
	x.report.Violation = why
	var steps []int32
	for at := id; x.origins[at].from >= 0; at = x.origins[at].from {
		steps = append(steps, x.origins[at].step)
	}
	out := Steps[S]{verbose: true}
	s := x.machine.Start
	for i := len(steps) - 1; i >= 0; i-- {
		out.reset()
		x.machine.Next(s, &out)
		s = out.to[steps[i]]
		x.report.Trace = append(x.report.Trace, out.texts[steps[i]])
	}
}
