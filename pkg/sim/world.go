// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// world is the cluster of a run, and everything around it.
type world struct {
	Config
	draw    draw
	sched   *coro.Scheduler
	env     env.Env // of the machine of the run itself, which nothing befalls
	ctx     context.Context
	network *mem.Network
	weather *weather
	store   *storage
	kinds   []actor.Kind
	bug     *bug

	ahead   time.Duration    // how far a clock has been ahead, and
	behind  time.Duration    // behind, at most
	lives   []*life          // all there ever were, in order
	living  map[string]*life // by name of node: the newest that has not ended
	history history
	events  *timeline
	calm    bool // faults have stopped
	ended   bool // and the clients: the nodes are about to stop
	// emptying is while a node is being drained on purpose: one at a time is.
	emptying bool
	calmAt   time.Duration
	found    []Violation
	dead     map[string]bool // nodes that never start again
	counts   map[string]int  // how often each fault befell somebody
	breaking map[string]int  // how many orders to break a node's lease are under way
	broken   map[string]int  // how many violations each checker found

	restores  restores
	poison    poisoning
	planted   int // how often the run's bug has made a difference
	jobs      jobbery
	workers   []*worker
	pictures  []Picture
	undecided int
}

// life is one process of a node, from its start to its end.
type life struct {
	*world
	name      string
	number    int // among all lives of the run
	machine   *coro.Machine
	env       env.Env // the machine, or what a bug makes of it
	node      *node.Node
	started   bool
	stopping  bool // gracefully
	ended     bool
	stopped   bool // by itself or by a graceful stop, not by a crash
	startedAt time.Duration
	harmedAt  time.Duration // when something last kept it from the store
	hang      time.Duration // how long the next handler that runs does not return
	doubt     doubt         // about its joining again
	trap      string        // where the next transaction that writes a claim or a state ends the process
}

func newWorld(c Config, s *coro.Scheduler) (*world, error) {
	w := &world{
		Config: c, draw: draw{c.Seed}, sched: s, env: s.Machine(coro.MainMachine), ctx: context.Background(),
		living: make(map[string]*life), dead: make(map[string]bool), counts: make(map[string]int),
		breaking: make(map[string]int), broken: make(map[string]int), bug: bugNamed(c.Bug),
	}
	w.kinds = actorKinds(c.IdleTimeout, w.clocksApart)
	for _, k := range w.kinds {
		k.Spec().Placement = c.Placement
	}
	w.jobs = jobbery{runs: make(map[string]int), over: env.NewEvent(w.env)}
	w.events = newTimeline(w)
	w.network = mem.NewNetwork(w.env)
	w.weather = newWeather(w)
	w.network.SetConditions(w.weather)
	var err error
	w.store, err = newStorage(w)
	return w, err
}

func (w *world) now() time.Duration { return w.sched.Elapsed() }

// shown notes that the run's bug has made a difference, if it has.
func (w *world) shown(yes bool) {
	if yes {
		w.planted++
	}
}

// violate records that a promise was broken, now.
func (w *world) violate(checker, format string, args ...any) {
	w.violateAt(w.now(), checker, format, args...)
}

// violateAt records that a promise was broken at a time. Of each kind the first few are kept: the others follow from
// them.
func (w *world) violateAt(at time.Duration, checker, format string, args ...any) {
	w.broken[checker]++
	if w.broken[checker] > violationsMax {
		return
	}
	v := Violation{Checker: checker, At: at, What: sprintf(format, args...)}
	w.found = append(w.found, v)
	w.events.addAt(at, "", "violation", "%s: %s", checker, v.What)
}

// violationsMax is how many violations of one checker are reported.
const violationsMax = 5

func (w *world) sleep(d time.Duration) { _ = env.Sleep(w.env, w.ctx, d) } // nothing ends it

// address is where a node listens. A second process of its name has another.
func address(name string, twin bool) string {
	if twin {
		return name + ":7601"
	}
	return name + ":7600"
}

// errRuns and errStopped are why a process is not started.
var (
	errRuns    = errors.New("it runs already")
	errStopped = errors.New("the cluster is stopped for a restore")
)

// boot starts a process of a node, and returns once it serves or has failed. One of that name that lives on is
// left alone: both then claim the name.
func (w *world) boot(name string, twin bool) (*life, error) {
	machineName := name
	if twin {
		machineName = name + "'"
	}
	if l := w.living[machineName]; l != nil {
		return l, errRuns
	}
	if w.restores.stopped {
		return nil, errStopped
	}
	l := &life{world: w, name: name, number: len(w.lives), machine: w.sched.Machine(machineName)}
	l.env = l.machine
	if w.bug != nil && w.bug.env != nil {
		l.env = w.bug.env(l, l.machine)
	}
	w.lives = append(w.lives, l)
	w.living[machineName] = l
	n, err := node.New(node.Config{
		Env: l.env, Store: w.store.of(l), StoreURL: "memory:", Transport: w.network.Transport(l.env, machineName),
		NodeID: name, Listen: machineName + ":7600", Kinds: w.kindsFor(l), Capacity: w.Capacity,
		MemoryLimit:        w.MemoryLimit,
		MaxPendingPerActor: w.Mailbox, MaxCalls: w.MaxCalls, MaxBatch: w.MaxBatch, MaxRecords: w.MaxRecords,
		LeaseTTL: w.LeaseTTL, Heartbeat: w.Heartbeat, Logger: w.events.logger(l.machine.Name()),
		CheckReads: w.bug == nil || !w.bug.readsWrite,
		ReadChanged: func(id api.ActorID, method string) {
			w.violate("reads", "reading method %s of %s has changed the state", method, id)
		},
	})
	if err != nil {
		delete(w.living, machineName)
		return l, err
	}
	l.node = n
	w.events.add(machineName, "start", "process %d", l.number)
	done := env.NewFuture[struct{}](w.env)
	l.machine.Go("start", func() { done.Complete(struct{}{}, n.Start(w.ctx)) })
	bound, cancel := env.WithTimeout(w.env, w.ctx, startBound)
	defer cancel()
	if _, err = done.Wait(bound); err != nil {
		w.events.add(machineName, "start failed", "%v", err)
		w.kill(l, "it did not start")
		return l, err
	}
	l.started, l.startedAt = true, w.now()
	l.machine.Go("watch end", func() {
		if err := n.Wait(w.ctx); err != nil {
			w.events.add(machineName, "ended", "%v", err)
			l.endedItself(err)
		}
		l.stopped = true
	})
	return l, nil
}

// endedItself checks that a process has a reason to end by itself: another one that has its name, or may have had it
// for a moment, as what a dead one has asked of the store may happen late.
func (l *life) endedItself(err error) {
	rivals := l.on("twin") || l.on("unknown-late") || l.on("slow-commit") || l.on("stall") || l.on("outage")
	for _, other := range l.lives {
		rivals = rivals || other.name == l.name &&
			(other.number > l.number || l.now()-l.startedAt < freshFor && other != l)
	}
	if !rivals && l.Bug == "" {
		l.violate("exits", "the process of %s has ended by itself, and no other has its name: %v", l.name, err)
	}
}

// kindsFor are the actors that a new process hosts.
func (w *world) kindsFor(l *life) []actor.Kind {
	if w.Program != nil {
		return w.Program.Kinds()
	}
	kinds := w.kinds
	if w.Split {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k actor.Kind) bool {
			return k.Spec().Namespace == "box" && !w.hostsBoxes(l.name)
		})
	}
	if w.bug != nil && w.bug.kinds != nil {
		w.shown(true)
		kinds = w.bug.kinds(kinds)
	}
	kinds = append(slices.Clone(kinds), l.slowKind(), l.wipedKind(), l.hugeKind(), l.poisonKind())
	kinds = append(kinds, l.jobKinds()...)
	if !w.on("hang") {
		return kinds
	}
	out := make([]actor.Kind, len(kinds))
	for i, k := range kinds {
		out[i] = l.hanging(k)
	}
	return out
}

// hostsBoxes reports whether a node hosts boxes in a run where some do not: those that send to them then have others
// that are down to wait for. One that never dies does.
func (c *Config) hostsBoxes(name string) bool {
	dying := func(name string) bool {
		return slices.ContainsFunc(c.Plan, func(e Event) bool { return e.Fault == "die" && e.Args[0] == name })
	}
	first := nodeID(0)
	for i := range c.Nodes {
		if !dying(nodeID(i)) {
			first = nodeID(i)
			break
		}
	}
	return name == first || draw{c.Seed}.source("hosts "+name).IntN(3) == 0
}

// startBound is how long a node may take to start before it is given up, and started again.
const startBound = 20 * time.Second

// kill ends a process as SIGKILL does.
func (w *world) kill(l *life, why string) {
	if l.ended {
		return
	}
	l.ended = true
	name := l.machine.Name()
	if w.living[name] == l {
		delete(w.living, name)
	}
	w.events.add(name, "killed", "%s", why)
	w.network.Cut(name) // before its tasks unwind
	w.store.disconnect(l)
	l.machine.Kill()
}

// ensure has a process of the node running, however often it must be started.
func (w *world) ensure(name string, until time.Duration) bool {
	for w.now() < until && !w.dead[name] {
		l := w.living[name]
		switch {
		case l != nil && l.stopped:
			w.kill(l, "to be started again")
		case l != nil && l.started:
			return true
		}
		if _, err := w.boot(name, false); err == nil {
			return true
		}
		w.sleep(100 * time.Millisecond)
	}
	return false
}

// stop ends a process gracefully, and reports whether it ended within the bound.
func (w *world) stop(l *life, bound time.Duration) error {
	w.events.add(l.machine.Name(), "stop", "graceful")
	l.stopping = true
	done := env.NewFuture[struct{}](w.env)
	l.machine.Go("stop", func() {
		ctx, cancel := env.WithTimeout(l.env, w.ctx, bound)
		defer cancel()
		done.Complete(struct{}{}, l.node.Stop(ctx))
	})
	ctx, cancel := env.WithTimeout(w.env, w.ctx, bound+time.Second)
	defer cancel()
	_, err := done.Wait(ctx)
	return err
}

// nodeNames are the names of all nodes of the run, in order.
func (w *world) nodeNames() []string {
	out := make([]string, w.Nodes)
	for i := range out {
		out[i] = nodeID(i)
	}
	return out
}

// staying are the names of the nodes that have not died for good.
func (w *world) staying() []string {
	return slices.DeleteFunc(w.nodeNames(), func(name string) bool { return w.dead[name] })
}

func (w *world) addresses() []string {
	var out []string
	for _, name := range w.nodeNames() {
		out = append(out, address(name, false))
	}
	return out
}

// harm notes that something befell a process that may keep it from the store: it may be fenced for that.
func (l *life) harm() { l.harmedAt = l.now() }

func (l *life) harmedSince(t time.Duration) bool { return l.harmedAt >= t }
