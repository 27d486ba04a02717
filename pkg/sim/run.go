// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// Violation is a promise that was broken.
type Violation struct {
	Checker string
	At      time.Duration
	What    string
}

// Picture is the history of an actor's calls that no order explains.
type Picture struct {
	Actor api.ActorID
	model porcupine.Model
	info  porcupine.LinearizationInfo
}

// Result is what came of a run.
type Result struct {
	Config     Config
	TraceHash  uint64
	Elapsed    time.Duration // simulated
	Steps      uint64
	OK, Failed int            // calls
	Faults     map[string]int // how often each befell somebody
	Violations []Violation    // in the order they were found
	// Undecided is of how many actors the history could not be judged in time.
	Undecided int
	// Planted is how often the run's bug, if it has one, has made a difference to what a node was given: a bug that has
	// made none proves nothing.
	Planted int
	// StoreOps is how many operations of the store the nodes made.
	StoreOps int
	// Timeline and Ops are there if the run was traced.
	Timeline []Happening
	Ops      []*Op
	Pictures []Picture
}

// FaultNames returns the kinds of faults that befell somebody, in order.
func (r *Result) FaultNames() []string { return slices.Sorted(maps.Keys(r.Faults)) }

// Caught reports whether a checker found something: any of those named, or any at all if none is.
func (r *Result) Caught(checkers ...string) bool {
	for _, v := range r.Violations {
		if len(checkers) == 0 || slices.Contains(checkers, v.Checker) {
			return true
		}
	}
	return false
}

const (
	// stepsMin, stepsPerCall and stepsPerSecond (of each node) bound a run, at many times what it takes: what needs
	// more goes round in circles.
	stepsMin       = 1_000_000
	stepsPerCall   = 1000
	stepsPerSecond = 1000
)

// tail is how long what fails may be tried after the last fault.
func (c *Config) tail() time.Duration {
	if c.hasJobs() {
		return time.Hour
	}
	return 0
}

// Run makes one run. Errors are CodeInvalidArgument; what the run finds is in the result. It
// blocks, without regard to time outside of the simulation, until the run is over.
func Run(o Options) (*Result, error) {
	c, err := o.Resolve()
	if err != nil {
		return nil, err
	}
	return RunConfig(c), nil
}

// RunConfig makes the run of a Config that came out of Options.Resolve.
func RunConfig(c Config) *Result {
	s := coro.New(coro.Options{
		Seed: c.Seed, ElapsedMax: 10*c.For + time.Hour,
		StepsMax: uint64(stepsMin + stepsPerCall*c.Clients*c.Calls +
			stepsPerSecond*c.Nodes*int((c.For+c.tail())/time.Second)),
	})
	var w *world
	err := s.Run(func() {
		var err error
		if w, err = newWorld(c, s); err != nil {
			panic(err) // the store in memory does not open
		}
		w.live()
	})
	if err != nil {
		w.judgeEnd(err)
	} else {
		w.judge()
	}
	ok, failed := w.history.count()
	return &Result{
		Config: c, TraceHash: s.TraceHash(), Elapsed: s.Elapsed(), Steps: s.Steps(), OK: ok, Failed: failed,
		Faults: w.counts, Violations: w.found, Undecided: w.undecided, Planted: w.planted, StoreOps: w.store.ops,
		Timeline: w.timelineSorted(), Ops: w.history.ops, Pictures: w.pictures,
	}
}

// judgeEnd says what it means that a run did not come to its end.
func (w *world) judgeEnd(err error) {
	var p *coro.PanicError
	switch {
	case errors.Is(err, coro.ErrDeadlock), errors.Is(err, coro.ErrLimit):
		w.violate("liveness", "the run does not end: %v", err)
	case errors.As(err, &p):
		w.violate("panic", "%v\n%s", err, p.Stack)
	default:
		w.violate("panic", "%v", err)
	}
}

// live is the run: faults rage while clients call, then everything must answer, and stop.
func (w *world) live() {
	for _, name := range w.nodeNames() {
		w.env.Go("boot "+name, func() { w.ensure(name, w.now()+time.Minute) })
	}
	w.sleep(w.Heartbeat)
	var clients []*env.Future[struct{}]
	for i := range w.Clients {
		k := w.newWorker(clientID(i), w.Calls)
		w.workers = append(w.workers, k)
		clients = append(clients, k.start(w.workloadOf(i)))
	}
	w.env.Go("mailboxes", w.watchMailboxes)
	w.env.Go("quarantines", w.watchQuarantines)
	w.nemesis(w.Plan)
	w.heal()
	for _, done := range clients {
		_, _ = done.Wait(w.ctx) // has no error
	}
	if w.Program == nil {
		w.dues()
		w.finishJobs()
		w.lastReads()
	} else {
		w.checkProgram()
	}
	w.checkListing()
	w.ended = true
	w.stopAll()
}

// workloadOf shares the workloads out among the clients.
func (w *world) workloadOf(client int) *workload {
	switch {
	case w.Program != nil:
		return w.programWork()
	case len(w.Workloads) == 0:
		return &workloads[0]
	}
	return workloadNamed(w.Workloads[client%len(w.Workloads)])
}

// start has the client work in a task of its own.
func (k *worker) start(work *workload) *env.Future[struct{}] {
	done := env.NewFuture[struct{}](k.world.env)
	k.env.Go("work "+work.Name, func() {
		work.run(k)
		done.Complete(struct{}{}, nil)
	})
	return done
}

// judge goes through what was written down.
func (w *world) judge() {
	w.store.audit.run()
	if w.Program == nil {
		w.errors()
		w.counters()
		w.linearizable()
		w.lists()
		w.sessions()
		w.conserved()
		w.once()
		w.moved()
		w.harmed()
	}
}

func (w *world) timelineSorted() []Happening {
	slices.SortStableFunc(w.events.list, func(a, b Happening) int { return cmp.Compare(a.At, b.At) })
	return w.events.list
}
