// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// One actor's code ends the process that runs it, as os.Exit or an overflow of the stack does. It may end a few, until
// the cluster has found out; then all nodes refuse it until an operator clears it, and others go on all the time.

const (
	// poison is the namespace, and poisonActors how many actors it has: the first is harmful.
	poison, poisonActors = "poison", 4
	// poisonEndsMax is how many processes a harmful actor ends. After the first, no node has a reason to suspect it.
	// After the second, its code is known to have run, but the process may have been killed from outside. The third
	// was running nothing else that is suspect.
	poisonEndsMax = 3
	// poisonRests is how long an operator takes to mend a process that has ended, and poisonCleared how long to clear
	// what is quarantined.
	poisonRests, poisonCleared = 500 * time.Millisecond, 8 * time.Second
)

// How a harmful actor ends its process.
const (
	poisonCalled    = "called"
	poisonSent      = "sent"
	poisonRung      = "rung"
	poisonActivated = "activated"
)

var poisonWays = []string{poisonCalled, poisonSent, poisonRung, poisonActivated}

// poisonFaults are those that leave what an actor has done to be seen: none takes it from a node that lives, or has a
// node leave it in good order, or ends a node itself.
var poisonFaults = []string{"refuse", "handles", "corrupt", "loss", "conflict", "too-old", "unknown-done",
	"unknown-lost", "watch"}

// poisoning is what a run knows of its harmful actor.
type poisoning struct {
	ends     int           // of processes, since it was cleared last
	refused  bool          // it was seen to be quarantined
	seenAt   time.Duration // when
	cleared  int
	harmless bool // the operator has mended it
}

func poisonID(i int) api.ActorID { return api.ActorID{Namespace: poison, ID: strconv.Itoa(i)} }

// poisonWay is how the harmful actor of a run is harmful.
func (c *Config) poisonWay() string { return pick(draw{c.Seed}, "poison", poisonWays...) }

// poisonKind are the actors as a process hosts them.
func (l *life) poisonKind() actor.Kind {
	kind := actor.New[counterState](poison).
		OnActivate(func(ctx *actor.Context, _ *counterState) error {
			if ctx.Self() == poisonID(0) && l.poisonWay() == poisonActivated && l.holds("poison") {
				l.endsItsProcess("OnActivate")
			}
			return nil
		}).
		With(actor.WriteFunc("add", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			s.N += n
			return s.N, nil
		})).
		With(actor.WriteFunc("harm", func(ctx *actor.Context, s *counterState, _ struct{}) (int64, error) {
			l.endsItsProcess("harm")
			return s.N, nil
		})).
		With(actor.WriteFunc("send", func(ctx *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, actor.Send(ctx, poisonID(0), "harm", struct{}{})
		})).
		With(actor.WriteFunc("ring", func(ctx *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, ctx.SetAlarm("harm", actor.Alarm{After: time.Second, Method: "harm", Request: struct{}{}})
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		}))
	// Deactivated in good order between two ends, the harmful actor would be no suspect at the next.
	kind.Spec().IdleTimeout, kind.Spec().Placement = time.Hour, l.Placement
	return kind
}

// holds reports whether a workload is part of the run. None is where a program takes their place.
func (c *Config) holds(workload string) bool {
	return c.Program == nil && slices.Contains(c.Workloads, workload)
}

// endsItsProcess ends the process that runs the harmful actor, and has it started again a little later. It does not
// return, unless the actor has been mended.
func (l *life) endsItsProcess(what string) {
	p := &l.world.poison
	if l.calm || p.harmless {
		return
	}
	p.ends++
	if p.refused {
		l.violate("quarantine", "%s runs %s of %s, which was quarantined %v ago", l.name, what, poisonID(0),
			l.now()-p.seenAt)
	}
	if p.ends > poisonEndsMax {
		l.violate("quarantine", "%s of %s ends process %d, that of %s, and is not quarantined", what, poisonID(0),
			p.ends, l.name)
	}
	l.counts["poison"]++
	l.world.env.Go("boot "+l.name, func() { l.rebootAfter(l.name, poisonRests) })
	l.kill(l, "by "+what+" of "+poisonID(0).String())
}

// poisoned takes note of the quarantine of a harmful actor, and reports whether it is to stay for now.
func (w *world) poisoned(q api.QuarantineRow) (stays bool) {
	p := &w.poison
	switch {
	case !w.holds("poison"):
		return false
	case len(q.Versions) == 0:
		return true // the last node waits for another one
	case q.Actor != poisonID(0).String():
		w.violate("quarantine", "%s is quarantined, and has done nothing: %s", q.Actor, q.Reason)
		return false
	case !p.refused:
		p.refused, p.seenAt = true, w.now()
		w.counts["refused"]++
		return true
	case !w.calm && w.now() < p.seenAt+poisonCleared:
		return true
	}
	p.refused, p.ends = false, 0
	p.cleared++
	return false
}

// poisonWork calls all actors, the harmful one among them. Each call of a harmless one is answered, whatever becomes of
// the nodes.
func poisonWork(k *worker) {
	for k.more() {
		switch id := k.target("poison"); {
		case id != poisonID(0) && k.random.IntN(8) == 0 && k.poisonWay() == poisonSent:
			surely[int64](k, id, "send", struct{}{})
		case id != poisonID(0):
			surely[int64](k, id, "add", k.amount())
		case k.random.IntN(3) > 0:
			k.pause(k.random.Jitter(time.Second)) // the others are called more often
		default:
			k.beHarmed(id)
		}
	}
}

// beHarmed has the harmful actor do harm, or something harmless.
func (k *worker) beHarmed(id api.ActorID) {
	method, input := "add", any(k.amount())
	if k.random.IntN(3) > 0 {
		switch k.poisonWay() {
		case poisonCalled:
			method, input = "harm", struct{}{}
		case poisonRung:
			method, input = "ring", struct{}{}
		}
	}
	ctx, cancel := env.WithTimeout(k.env, k.ctx, k.callTimeout())
	defer cancel()
	op := k.history.begin(k.now(), k.name, id, method, input)
	out, err := client.Call[int64](ctx, k.client, id, method, input)
	k.history.end(k.now(), op, out, err)
	k.events.op(op)
}

// harmed checks, at the end, that an actor that has ended processes was found out.
func (w *world) harmed() {
	if p := w.poison; w.holds("poison") && p.ends >= poisonEndsMax && !p.refused && p.cleared == 0 {
		w.violate("quarantine", "%s has ended %d processes, and was never quarantined", poisonID(0), p.ends)
	}
}
