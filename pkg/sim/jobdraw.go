// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

const (
	// jobActors and scratchActors are how many there are. Calls go from one to another of a higher number, so that no
	// two wait for each other.
	jobActors, scratchActors = 6, 2
	// deathsMax is how many jobs of a run fail for good that nobody waits for: each is tried for minutes.
	deathsMax = 2
	// jobsAtOnceMax is how many jobs a client hands out at once.
	jobsAtOnceMax = 6
	// hangsMax is how many jobs of a run never return.
	hangsMax = 3
	// forever is longer than any run.
	forever = 10_000 * time.Hour
)

func jobID(i int) api.ActorID { return api.ActorID{Namespace: jobs, ID: strconv.Itoa(i)} }

func scratchID(i int) api.ActorID { return api.ActorID{Namespace: scratch, ID: strconv.Itoa(i)} }

// grower draws jobs of one root.
type grower struct {
	*worker
	names  int
	root   string
	deadly bool // some fail for good
	leaves bool // messages and alarms call nobody
}

func (k *worker) grower() *grower {
	return &grower{worker: k, root: k.unique(), deadly: k.draw.source("deadly").IntN(5) == 0}
}

// job draws one without steps.
func (g *grower) job() job {
	j := job{Name: g.root + "/" + strconv.Itoa(g.names)}
	g.names++
	return j
}

// oneIn has so many chances.
func (g *grower) oneIn(n int) bool { return g.random.IntN(n) == 0 }

// above draws an actor that may be called by one of a number.
func (g *grower) above(i int) int { return i + 1 + g.random.IntN(jobActors-1-i) }

// calls draws what a job of an actor calls. Others wait for it.
func (g *grower) calls(at, depth int, waiting ...int) (steps []handoff) {
	waiting = append(slices.Clone(waiting), at)
	for at < jobActors-1 && depth > 0 && len(steps) < 2 && !g.oneIn(3) {
		to, j := g.above(at), g.job()
		switch {
		case g.oneIn(8):
			j.Fails = 1 + g.random.IntN(2)*always
		case g.oneIn(12):
			to = waiting[g.random.IntN(len(waiting))] // a cycle
		case g.oneIn(2):
			j.Steps = g.calls(to, depth-1, waiting...)
		}
		steps = append(steps, handoff{How: byCall, To: jobID(to), Job: j})
	}
	return steps
}

// refusing draws whether a job fails that a client waits for.
func (g *grower) refusing() int {
	if g.oneIn(12) {
		return 1 + g.random.IntN(2)*always
	}
	return 0
}

// failing draws how often a job that nobody waits for fails.
func (g *grower) failing() int {
	switch {
	case g.oneIn(4):
		return 1 + g.random.IntN(3)
	case g.deadly && g.jobs.deaths < deathsMax && g.oneIn(8):
		g.jobs.deaths++
		return always
	}
	return 0
}

// called draws what a job calls that nobody waits for.
func (g *grower) called(at int) []handoff {
	if g.leaves {
		return nil
	}
	return g.calls(at, 1)
}

// sends draws what a job sends.
func (g *grower) sends(depth int) (steps []handoff) {
	for len(steps) < 1 || len(steps) < 3 && g.oneIn(2) {
		to, j := g.random.IntN(jobActors), g.job()
		j.Fails, j.Steps = g.failing(), g.called(to)
		if depth > 0 && g.oneIn(4) {
			j.Steps = append(j.Steps, g.sends(depth-1)...)
		}
		steps = append(steps, handoff{How: bySend, To: jobID(to), Job: j})
	}
	return steps
}

// alarms draws alarms of an actor.
func (g *grower) alarms(at int) (steps []handoff) {
	for len(steps) < 1 || len(steps) < 3 && g.oneIn(2) {
		j := g.job()
		j.Alarm, j.Fails, j.Steps = j.Name, g.failing(), g.called(at)
		steps = append(steps, handoff{How: byAlarm, To: jobID(at), After: 1 + g.random.Jitter(3*time.Second), Job: j})
	}
	return steps
}

// series draws an alarm that its handler sets again for the time that it had, a few times.
func (g *grower) series(at int) handoff {
	var next []handoff
	name := ""
	var all []job
	for range 2 + g.random.IntN(3) {
		j := g.job()
		j.Steps = g.calls(at, 1)
		all = append(all, j)
	}
	name = all[0].Name
	for i := len(all) - 1; i > 0; i-- {
		all[i].Alarm = name
		all[i].Steps = append(all[i].Steps, next...)
		next = []handoff{{How: byAgain, To: jobID(at), Job: all[i]}}
	}
	all[0].Alarm, all[0].Steps = name, append(all[0].Steps, next...)
	return handoff{How: byAlarm, To: jobID(at), After: 1 + g.random.Jitter(2*time.Second), Job: all[0]}
}

// order has a job done, however long that takes, under a key of one's own if it is not "".
func (k *worker) order(at api.ActorID, j job, key string) *Op {
	return insist(k, at, "do", j, key, func(reply string) any { return k.placeOf(j, reply) })
}

// key draws the key of a call: "" for the client's own.
func (k *worker) key(name string) string {
	if k.MaxRecords > 0 || k.random.IntN(3) > 0 { // a key that was forgotten is a new one
		return ""
	}
	return name
}

// together has some things done at the same time.
func (k *worker) together(n int, f func()) {
	g := env.NewGroup(k.env, k.ctx)
	defer g.Stop()
	for range n {
		g.Go("together", func(context.Context) { f() })
	}
	_ = g.Wait(k.ctx) // nothing ends it
}

// jobWork is a workload of jobs of a kind, now and then some at once.
func jobWork(one func(k *worker)) func(k *worker) {
	return func(k *worker) {
		for k.more() {
			k.made++ // each job is several calls
			if k.random.IntN(5) > 0 {
				one(k)
				continue
			}
			n := 2 + k.random.IntN(jobsAtOnceMax-1)
			k.made += 2 * (n - 1)
			k.together(n, func() { one(k) })
		}
	}
}

func nestOne(k *worker) {
	g := k.grower()
	at, j := k.random.IntN(jobActors), g.job()
	j.Steps = g.calls(at, 2)
	if g.oneIn(15) {
		j.Takes = g.random.Jitter(time.Second)
	}
	j.Fails = g.refusing()
	k.order(jobID(at), j, k.key(j.Name))
}

// pairOne makes two calls of two actors under one key, both of which call a third.
func pairOne(k *worker) {
	g := k.grower()
	third := jobID(jobActors - 1)
	for range 2 {
		j := g.job()
		j.Steps = []handoff{{How: byCall, To: third, Job: g.job()}}
		k.order(jobID(g.names%(jobActors-1)), j, g.root)
	}
}

// mailOne has a job send others, which call nobody if they are leaves.
func mailOne(leaves bool) func(k *worker) {
	return func(k *worker) {
		g := k.grower()
		g.leaves = leaves
		at, j := k.random.IntN(jobActors), g.job()
		j.Steps = append(g.calls(at, 1), g.sends(1)...)
		j.Fails = g.refusing()
		k.order(jobID(at), j, k.key(j.Name))
	}
}

// chimeOne has a job set alarms, which call nobody if they are leaves.
func chimeOne(leaves bool) func(k *worker) {
	return func(k *worker) {
		g := k.grower()
		g.leaves = leaves
		at, j := k.random.IntN(jobActors), g.job()
		j.Steps = g.alarms(at)
		j.Fails = g.refusing()
		k.order(jobID(at), j, k.key(j.Name))
	}
}

func againOne(k *worker) {
	g := k.grower()
	at, j := k.random.IntN(jobActors-1), g.job()
	j.Steps = []handoff{g.series(at)}
	k.order(jobID(at), j, k.key(j.Name))
}

func visitOne(k *worker) {
	g := k.grower()
	at, j := k.random.IntN(jobActors), g.job()
	for range 1 + k.random.IntN(3) {
		j.Steps = append(j.Steps, handoff{How: bySend, To: scratchID(k.random.IntN(scratchActors)), Job: g.job()})
	}
	k.order(jobID(at), j, k.key(j.Name))
}

// stuckWork hands a job on that never returns, with another behind it. One run has few of them: each holds its actor
// up for long.
func stuckWork(k *worker) {
	if !k.more() || k.jobs.hangs >= hangsMax {
		return
	}
	k.jobs.hangs++
	g := k.grower()
	at, j, hangs := k.random.IntN(jobActors), g.job(), g.job()
	hangs.Takes = forever
	if g.oneIn(2) {
		to := jobID(k.random.IntN(jobActors))
		j.Steps = []handoff{{How: bySend, To: to, Job: hangs}, {How: bySend, To: to, Job: g.job()}}
	} else {
		hangs.Alarm = hangs.Name
		j.Steps = []handoff{{How: byAlarm, To: jobID(at), After: time.Second, Job: hangs}}
	}
	k.order(jobID(at), j, "")
	k.made = k.due
}

// burstReply is a reply of which an actor keeps only so many.
const burstReply = 60_000

// burstWork makes calls of one actor under keys of their own, one after the other, whose replies are large.
func burstWork(k *worker) {
	for range min(k.due, 30) {
		j := k.grower().job()
		j.Reply = burstReply
		k.order(jobID(0), j, j.Name)
	}
}

// largeSizes are sizes of replies, up to the greatest that there may be.
var largeSizes = []int{1, 60_000, 70_000, 300_000, api.PayloadBytesMax - 16}

// largeWork has jobs done with large replies, also between actors, and many of them at once.
func largeWork(k *worker) {
	size := func() int { return largeSizes[k.random.IntN(len(largeSizes))] }
	for rounds := min(k.due, 12); rounds > 0; rounds-- {
		if k.random.IntN(4) == 0 {
			k.together(40, func() {
				j := k.grower().job()
				j.Reply = burstReply
				k.order(jobID(0), j, "")
			})
			continue
		}
		g := k.grower()
		j, at := g.job(), k.random.IntN(jobActors-1)
		j.Reply = size()
		j.Steps = g.calls(at, 1)
		for i := range j.Steps {
			j.Steps[i].Job.Reply = size()
		}
		k.order(jobID(at), j, k.key(j.Name))
		k.pause(k.random.Jitter(k.For / 12))
	}
}
