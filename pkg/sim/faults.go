// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// fault is a kind of fault.
type fault struct {
	Entry
	// params are what a planned one befalls, and do does it; both are nil for a fault that befalls single operations,
	// at the run's rate.
	params []param
	do     func(w *world, args []string)
	every  time.Duration // about how often a planned one happens, at most
	// asked faults are part of a run only if they are asked for by name.
	asked bool
}

func (f fault) name() string    { return f.Name }
func (w workload) name() string { return w.Name }

type named interface{ name() string }

func names[T named](all []T) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = v.name()
	}
	return out
}

func byName[T named](all []T, name string) *T {
	i := slices.IndexFunc(all, func(v T) bool { return v.name() == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// drawnFaults are those that a run may have without being asked.
func drawnFaults() []string {
	return names(slices.DeleteFunc(slices.Clone(faultKinds), func(f fault) bool { return f.asked }))
}

func faultNamed(name string) *fault { return byName(faultKinds, name) }

var (
	short  = length{50 * time.Millisecond, 2 * time.Second}
	medium = length{500 * time.Millisecond, 8 * time.Second}
	long   = length{500 * time.Millisecond, 16 * time.Second}
)

var faultKinds []fault

func init() {
	faultKinds = []fault{
		{Entry: Entry{"crash", "a node's process dies as by SIGKILL, and starts again later or at once"},
			params: []param{nodeName{}, oneOf{"0s", "100ms", "3s", "10s"}}, do: (*world).crash, every: 5 * time.Second},
		{Entry: Entry{"crash-commit", "a node's process dies before, during or after a commit of a claim or a " +
			"state, or right after it has handed an actor over"},
			params: []param{nodeName{}, oneOf{"before", "during", "after", "moving"}, oneOf{"0s", "1s", "5s"}},
			do:     (*world).crashAtCommit, every: 3 * time.Second},
		{Entry: Entry{"die", "a node's process dies as by SIGKILL, and none of its name starts again; at least two " +
			"nodes stay"},
			params: []param{nodeName{}}, do: (*world).die, every: 20 * time.Second},
		{Entry: Entry{"crash-loop", "a node's process dies again and again, a few heartbeats after each start"},
			params: []param{nodeName{}, oneOf{"1", "2", "4"}, oneOf{"2", "5"}}, do: (*world).crashLoop,
			every: 10 * time.Second},
		{Entry: Entry{"leave", "a node stops gracefully, and starts again"},
			params: []param{nodeName{}, oneOf{"0s", "500ms", "5s"}}, do: (*world).leave, every: 5 * time.Second},
		{Entry: Entry{"join", "a new node joins, and leaves again"},
			params: []param{oneOf{"1", "2"}, long}, do: (*world).join, every: 8 * time.Second},
		{Entry: Entry{"twin", "a second process with a node's name starts at another address, as when an " +
			"orchestrator errs"}, params: []param{nodeName{}, oneOf{"crashed", "stopped"}, medium}, do: (*world).twin,
			every: 4 * time.Second},
		{Entry: Entry{"pause", "a node's process stops as by SIGSTOP, often for longer than a lease, while its " +
			"clocks run on"}, params: []param{nodeName{}, long}, do: (*world).pause, every: 5 * time.Second},
		{Entry: Entry{"slow", "a node runs slowly: every step of its tasks is delayed"},
			params: []param{nodeName{}, oneOf{"1ms", "10ms", "50ms"}, medium}, do: (*world).slow,
			every: 8 * time.Second},
		{Entry: Entry{"memory", "a node runs out of memory and is killed with full mailboxes, at its next burst of " +
			"calls"}, params: []param{nodeName{}, oneOf{"1", "3"}}, do: (*world).outOfMemory,
			every: 8 * time.Second},
		{Entry: Entry{"hang", "the handler of a call does not return, for a while or until the node abandons it"},
			params: []param{nodeName{}, oneOf{"1s", "8s", "40s"}}, do: (*world).hangHandler, every: 4 * time.Second},
		{Entry: Entry{"clock", "a node's wall clock jumps forwards or back"},
			params: []param{nodeName{}, oneOf{"-1h", "-10s", "-2s", "2s", "10s", "1h"}}, do: (*world).jumpClock,
			every: 5 * time.Second},
		{Entry: Entry{"drift", "a node's clocks run fast or slow from now on, by parts per million"},
			params: []param{nodeName{}, ppm{300_000}}, do: (*world).driftClock, every: 10 * time.Second},
		{Entry: Entry{"partition", "two machines can't reach each other; connections stall"},
			params: []param{host{}, host{}, medium}, do: (*world).partition, every: 4 * time.Second},
		{Entry: Entry{"oneway", "what one machine sends another does not arrive; the other direction works"},
			params: []param{host{}, host{}, medium}, do: (*world).oneWay, every: 5 * time.Second},
		{Entry: Entry{"cut", "a node can't reach the store, but can reach every machine"},
			params: []param{nodeName{}, long},
			do:     (*world).cutStore, every: 5 * time.Second},
		{Entry: Entry{"clog", "all traffic between two machines takes a hundred times as long"},
			params: []param{host{}, host{}, medium}, do: (*world).clog, every: 5 * time.Second},
		{Entry: Entry{"refuse", "a machine refuses new connections; existing ones continue"},
			params: []param{nodeName{}, medium}, do: (*world).refuse, every: 8 * time.Second},
		{Entry: Entry{"handles", "a machine has no file handles left for connections, and its existing ones break"},
			params: []param{nodeName{}, medium}, do: (*world).starve, every: 8 * time.Second},
		{Entry: Entry{"outage", "the store answers no node"}, params: []param{medium}, do: (*world).outage,
			every: 15 * time.Second},
		{Entry: Entry{"stall", "the store commits nothing for a while, but answers reads"}, params: []param{short},
			do: (*world).stall, every: 8 * time.Second},
		{Entry: Entry{"recovery", "the store restarts: versions jump by 100 million, and commits in flight are " +
			"unknown"}, params: []param{oneOf{"0s", "200ms", "2s"}}, do: (*world).recovery, every: 10 * time.Second},
		{Entry: Entry{"break-lease", "an operator breaks a node's lease"}, params: []param{nodeName{}},
			do: (*world).breakLease, every: 5 * time.Second},
		{Entry: Entry{"rejoin", "a node loses its lease, gets no answer when it joins again, and loses the new lease " +
			"before it tries once more"}, params: []param{nodeName{}}, do: (*world).rejoin, every: 6 * time.Second},
		{Entry: Entry{"break-claim", "an operator takes an actor away from its owner"}, params: []param{actorName{}},
			do: (*world).breakClaim, every: 300 * time.Millisecond},
		{Entry: Entry{"migrate", "an operator moves an actor to another node"},
			params: []param{actorName{}, nodeName{}}, do: (*world).migrate, every: 200 * time.Millisecond},
		{Entry: Entry{"drain", "an operator drains a node, and undrains it later"},
			params: []param{nodeName{}, medium}, do: (*world).drain, every: 5 * time.Second},
		{Entry: Entry{"rebalance", "an operator spreads the actors evenly over the nodes"},
			params: []param{oneOf{"actors", "load", "memory"}}, do: (*world).rebalance, every: 4 * time.Second},
		{Entry: Entry{"roll", "a node restarts as in a deployment: it drains, stops and starts again"},
			params: []param{nodeName{}, oneOf{"0s", "500ms", "3s"}}, do: (*world).roll, every: 5 * time.Second},
		{Entry: Entry{"retire", "actors of a namespace that no node hosts any more have pending work"},
			params: []param{oneOf{"100", "1000", "3000"}}, do: (*world).retire, every: 30 * time.Second,
			asked: true},
		{Entry: Entry{"restore", "an operator backs up the store, as of one moment or actor by actor, and restores " +
			"it later, into an empty store or in place"},
			params: []param{oneOf{"moment", "actors"}, oneOf{"0s", "1s", "4s"}, oneOf{"empty", "same"}},
			do:     (*world).restore, every: 6 * time.Second, asked: true},
		{Entry: Entry{"conflict", "a commit is refused as if another had come first"}},
		{Entry: Entry{"too-old", "a read version has left the store's window"}},
		{Entry: Entry{"unavailable", "an operation of the store fails"}},
		{Entry: Entry{"slow-commit", "a commit takes up to two seconds"}},
		{Entry: Entry{"unknown-done", "a commit happens, and its caller gets no answer"}},
		{Entry: Entry{"unknown-lost", "a commit does not happen, and its caller gets no answer"}},
		{Entry: Entry{
			"unknown-late", "a commit happens up to four seconds after its caller was told that the outcome is " +
				"unknown"}},
		{Entry: Entry{"watch", "watches of the store fire late, or never, or are lost"}},
		{Entry: Entry{"corrupt", "a bit of a frame flips in transit"}},
		{Entry: Entry{"loss", "a frame is lost for good: the connection breaks"}},
	}
}

// nemesis makes the plan happen. It blocks until all of it has, and everything has been put right again.
func (w *world) nemesis(plan Plan) {
	began := w.now()
	var acts []*env.Future[struct{}]
	for _, e := range plan {
		w.sleep(began + e.At - w.now())
		w.events.add("", "fault", "%s", e)
		done := env.NewFuture[struct{}](w.env)
		acts = append(acts, done)
		w.env.Go("fault "+e.Fault, func() {
			faultNamed(e.Fault).do(w, e.Args)
			w.events.over(e)
			done.Complete(struct{}{}, nil)
		})
	}
	w.sleep(began + w.For - w.now())
	for _, done := range acts {
		_, _ = done.Wait(w.ctx) // has no error
	}
}

func duration(arg string) time.Duration {
	d, err := time.ParseDuration(arg)
	if err != nil {
		panic("sim: a length that was checked: " + err.Error())
	}
	return d
}

// life returns the process of a node that is named, nil if none lives.
func (w *world) life(name string) *life {
	if l := w.living[name]; l != nil && !l.ended && l.node != nil {
		return l
	}
	return nil
}

// rebootAfter has the node running again.
func (w *world) rebootAfter(name string, d time.Duration) {
	w.sleep(d)
	w.ensure(name, w.now()+time.Minute)
}

func (w *world) crash(args []string) {
	if l := w.life(args[0]); l != nil {
		w.counts["crash"]++
		w.kill(l, "crash")
		w.rebootAfter(args[0], duration(args[1]))
	}
}

func (w *world) crashAtCommit(args []string) {
	l := w.life(args[0])
	if l == nil {
		return
	}
	l.trap = args[1]
	for range 50 { // until it has happened, or does not
		w.sleep(100 * time.Millisecond)
		if l.ended {
			w.rebootAfter(args[0], duration(args[2]))
			return
		}
	}
	l.trap = ""
}

// die ends a node for good, unless too few would be left.
func (w *world) die(args []string) {
	l := w.life(args[0])
	if l == nil || w.dead[args[0]] || w.Nodes-len(w.dead) <= 2 {
		return
	}
	w.counts["die"]++
	w.dead[args[0]] = true
	w.kill(l, "for good")
}

// crashLoop ends a node a few times, each time it has just begun to beat: so its processes' heartbeats have the same
// numbers.
func (w *world) crashLoop(args []string) {
	beats, _ := strconv.Atoi(args[1])
	times, _ := strconv.Atoi(args[2])
	for range times {
		l := w.life(args[0])
		if l == nil {
			return
		}
		w.counts["crash-loop"]++
		w.kill(l, "once more")
		w.rebootAfter(args[0], 0)
		w.sleep(time.Duration(beats)*w.Heartbeat + w.Heartbeat/2)
	}
}

func (w *world) leave(args []string) {
	l := w.life(args[0])
	if l == nil || !l.started {
		return
	}
	w.counts["leave"]++
	if err := w.stop(l, 10*time.Second); err != nil {
		w.events.add(args[0], "stop failed", "%v", err)
	}
	w.kill(l, "stopped")
	w.rebootAfter(args[0], duration(args[1]))
}

// join has one more node than the run began with, for a while.
func (w *world) join(args []string) {
	more, _ := strconv.Atoi(args[0])
	name := nodeID(w.Nodes + more - 1)
	l, err := w.boot(name, false)
	if err != nil {
		return
	}
	w.counts["join"]++
	w.sleep(duration(args[1]))
	if l.ended {
		return
	}
	if err := w.stop(l, w.answerBound()); err != nil {
		w.events.add(name, "stop failed", "%v", err)
	}
	w.kill(l, "stopped")
}

// twin starts a node again after it crashed or stopped, and a second process of its name at the same time: they race
// for it.
func (w *world) twin(args []string) {
	name := args[0]
	if w.living[name+"'"] != nil || w.dead[name] {
		return // there are two already, or there is to be none
	}
	if l := w.life(name); l != nil {
		if args[1] == "stopped" && l.started {
			_ = w.stop(l, 5*time.Second) // if it does not stop, it is killed
		}
		w.kill(l, "restarted, twice")
	}
	first := env.NewFuture[struct{}](w.env)
	w.env.Go("boot "+name, func() {
		_, err := w.boot(name, false)
		first.Complete(struct{}{}, err)
	})
	l, err := w.boot(name, true)
	if !errors.Is(err, errRuns) {
		w.counts["twin"]++ // it may have lost the race, which is what is hoped for
	}
	if err == nil {
		w.sleep(duration(args[2]))
		w.kill(l, "the second of its name")
	}
	_, _ = first.Wait(w.ctx)
	w.ensure(name, w.now()+time.Minute)
}

func (w *world) pause(args []string) {
	if l := w.life(args[0]); l != nil {
		w.counts["pause"]++
		l.machine.Pause(duration(args[1]))
		w.whileHurt(l, duration(args[1]))
	}
}

// whileHurt notes for so long that something keeps a process from the store.
func (w *world) whileHurt(l *life, d time.Duration) {
	for end := w.now() + d; w.now() < end; w.sleep(min(w.Heartbeat, end-w.now())) {
		l.harm()
	}
	l.harm()
}

func (w *world) slow(args []string) {
	if l := w.life(args[0]); l != nil {
		w.counts["slow"]++
		l.machine.SetSlow(duration(args[1]))
		w.whileHurt(l, duration(args[2]))
		l.machine.SetSlow(0)
		w.whileHurt(l, w.Heartbeat)
	}
}

func (w *world) outOfMemory(args []string) {
	l := w.life(args[0])
	if l == nil {
		return
	}
	most, _ := strconv.Atoi(args[1])
	for range 500 {
		w.sleep(10 * time.Millisecond)
		if !l.ended && l.started && l.node.Load().Pending >= most {
			w.counts["memory"]++
			w.kill(l, "out of memory")
		}
		if l.ended {
			w.rebootAfter(args[0], 0)
			return
		}
	}
}

func (w *world) jumpClock(args []string) {
	if l := w.life(args[0]); l != nil {
		w.counts["clock"]++
		w.clocksApart()
		l.machine.SetWallOffset(duration(args[1]))
	}
}

// clocksApart is how far the clocks of two nodes have been apart, at most: as far as one was ahead, and another behind.
func (w *world) clocksApart() time.Duration {
	right := w.env.Now()
	for _, l := range w.lives {
		if off := l.machine.Now().Sub(right); !l.ended {
			w.ahead, w.behind = max(w.ahead, off), max(w.behind, -off)
		}
	}
	return w.ahead + w.behind
}

func (w *world) driftClock(args []string) {
	if l := w.life(args[0]); l != nil {
		n, _ := strconv.ParseInt(args[1], 10, 64)
		w.counts["drift"]++
		l.machine.SetDrift(n)
		l.harm()
	}
}

func (w *world) partition(args []string) {
	w.block("partition", args[0], args[1], duration(args[2]), true)
}

func (w *world) oneWay(args []string) {
	w.block("oneway", args[0], args[1], duration(args[2]), false)
}

// block stops what a sends to b, or both send each other, for a while.
func (w *world) block(fault, a, b string, d time.Duration, both bool) {
	switch {
	case a == b:
		return
	case a == storeHost || b == storeHost:
		w.blockStore(fault, both || b == storeHost, both || a == storeHost, notStore(a, b), d)
		return
	}
	w.counts[fault]++
	w.network.Block(a, b)
	if both {
		w.network.Block(b, a)
	}
	w.sleep(d)
	w.network.Unblock(a, b)
	if both {
		w.network.Unblock(b, a)
	}
}

// notStore returns which of two machines is not the store.
func notStore(a, b string) string {
	if a == storeHost {
		return b
	}
	return a
}

func (w *world) cutStore(args []string) {
	over := env.NewEvent(w.env)
	w.env.Go("probe", func() { w.probe(args[0], over) })
	defer over.Set()
	w.blockStore("cut", true, true, args[0], duration(args[1]))
}

// blockStore keeps what a machine asks from the store, or what the store answers from the machine, or both. What is
// asked and not answered is done.
func (w *world) blockStore(fault string, there, back bool, name string, d time.Duration) {
	block := func(n int) {
		if there {
			w.store.blocked[waysOf{toStore, name}] += n
		}
		if back {
			w.store.blocked[waysOf{fromStore, name}] += n
		}
	}
	block(1)
	w.counts[fault]++
	w.hurtMachine(name, d)
	block(-1)
	w.store.changed()
}

// hurtMachine notes for so long that something keeps whatever process runs on a machine from the store.
func (w *world) hurtMachine(name string, d time.Duration) {
	for end := w.now() + d; w.now() < end; w.sleep(min(w.Heartbeat, end-w.now())) {
		if l := w.living[name]; l != nil {
			l.harm()
		}
	}
	if l := w.living[name]; l != nil {
		l.harm()
	}
}

func (w *world) clog(args []string) {
	d := duration(args[2])
	w.counts["clog"]++
	w.weather.clogged[pairOf(args[0], args[1])] = w.now() + d
	for _, name := range args[:2] {
		if args[0] == storeHost || args[1] == storeHost {
			w.hurtMachine(name, d)
		}
	}
}

func (w *world) refuse(args []string) {
	w.counts["refuse"]++
	w.weather.refused[args[0]] = w.now() + duration(args[1])
}

func (w *world) starve(args []string) {
	w.counts["handles"]++
	w.weather.starved[args[0]] = w.now() + duration(args[1])
}

func (w *world) outage(args []string) {
	d := duration(args[0])
	w.counts["outage"]++
	w.store.outUntil = max(w.store.outUntil, w.now()+d)
	w.everybodyHurt(d)
	w.store.changed()
}

func (w *world) stall(args []string) {
	d := duration(args[0])
	w.counts["stall"]++
	w.store.stalled = max(w.store.stalled, w.now()+d)
	w.everybodyHurt(d)
}

func (w *world) everybodyHurt(d time.Duration) {
	for end := w.now() + d; ; w.sleep(min(w.Heartbeat, end-w.now())) {
		for _, l := range w.lives {
			l.harm()
		}
		if w.now() >= end {
			return
		}
	}
}

func (w *world) recovery(args []string) {
	if w.store.occ == nil || w.store.closing || w.restores.stopped {
		return // it is about to, or there is to be another
	}
	w.counts["recovery"]++
	w.store.crash()
	w.everybodyHurt(duration(args[0]))
	if err := w.store.open(); err != nil {
		w.violate("durable", "the store does not open after a restart: %v", err)
	}
	w.store.changed()
}

// heal puts everything right that a fault has left behind.
func (w *world) heal() {
	w.calm, w.calmAt = true, w.now()
	w.events.add("", "calm", "faults have stopped")
	for _, l := range w.lives {
		l.trap, l.hang = "", 0
		l.machine.SetSlow(0)
	}
	w.store.changed()
	for _, name := range w.nodeNames() {
		if l := w.living[name+"'"]; l != nil {
			w.kill(l, "the second of its name")
		}
	}
	for _, name := range w.staying() {
		if !w.ensure(name, w.now()+w.answerBound()) {
			w.violate("liveness", "node %s does not start though nothing is wrong any more", name)
		}
	}
	w.undrainAll()
}
