// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// workload is something that clients do.
type workload struct {
	Entry
	namespace string
	// run is one client doing it until worker.more says that it is enough.
	run func(k *worker)
	// spread is over how many actors; 0 is as the run has it.
	spread int
	// asked workloads are part of a run only if they are asked for by name.
	asked bool
}

func (w *workload) actors(c *Config) int {
	if w.spread > 0 {
		return w.spread
	}
	return c.Actors
}

// drawnWorkloads are those that a run may have without being asked.
func drawnWorkloads() []string {
	return names(slices.DeleteFunc(slices.Clone(workloads), func(w workload) bool { return w.asked }))
}

func workloadNamed(name string) *workload { return byName(workloads, name) }

var workloads []workload

func init() {
	workloads = []workload{
		{Entry{"counter", "adds to counters and reads them"}, "counter", counterWork("counter"), 0, false},
		{Entry{"register", "swaps and reads values that never repeat"}, "register", registerWork, 0, false},
		{Entry{"transfer", "moves money between accounts, each half exactly once"}, "account", transferWork, 4, false},
		{Entry{"list", "appends to lists, exactly once, and reads them"}, "list", listWork, 0, false},
		{Entry{"late", "repeats old calls under their keys: none has its effect twice"}, "list",
			lateWork, 2, false},
		{Entry{"kv", "sets, reads, deletes and scans keys of an actor"}, "kv", kvWork, 0, false},
		{Entry{"hot", "all clients call one counter without a pause"}, "counter", hotWork, 1, false},
		{Entry{"cold", "calls many counters a few times each: storms of activations"}, "counter", coldWork, 60,
			false},
		{Entry{"idle", "makes calls just when an idle actor is being deactivated"}, "register", idleWork, 0, false},
		{Entry{"relay", "has actors move money between others by calls of their own, exactly once"}, "relay",
			relayWork, 4, false},
		{Entry{"session", "visits volatile actors, which start over with every activation"}, "session", sessionWork, 0,
			false},
		{Entry{"send", "has actors send to others with their commit, exactly once and in order"}, "post", sendWork, 0,
			false},
		{Entry{"alarm", "sets alarms and cancels some: each runs once, whichever node has the actor then"},
			"post", alarmWork,
			20, false},
		{Entry{"impatient", "calls slow actors with deadlines that pass while calls wait, and gives calls up"}, slow,
			impatientWork, 2, false},
		{Entry{"wipe", "appends to lists that are deleted now and then, each time once"}, wiped, wipeWork, 2, true},
		{Entry{"nest", "has actors do jobs that call others for jobs: some at once, some failing, some in a cycle"},
			jobs, jobWork(nestOne), jobActors, false},
		{Entry{"mail", "has actors send jobs to others, which send in turn, and fail a few times or for good"}, jobs,
			jobWork(mailOne(true)), jobActors, false},
		{Entry{"chime", "has alarms do jobs, which fail a few times or for good"}, jobs, jobWork(chimeOne(true)),
			jobActors, false},
		{Entry{"errand", "has actors send jobs to others, which call for jobs, and fail a few times or for good"},
			jobs, jobWork(mailOne(false)), jobActors, true},
		{Entry{"shift", "has alarms do jobs, which call for jobs, and fail a few times or for good"}, jobs,
			jobWork(chimeOne(false)), jobActors, true},
		{Entry{"again", "sets alarms again for the time that they had"}, jobs, jobWork(againOne),
			jobActors, true},
		{Entry{"pair", "calls two actors under one key, both of which call a third"}, jobs, jobWork(pairOne),
			jobActors, true},
		{Entry{"visit", "has actors send jobs to volatile ones"}, scratch, jobWork(visitOne), scratchActors, true},
		{Entry{"stuck", "has messages and alarms whose handlers never return"}, jobs, stuckWork, jobActors, true},
		{Entry{"burst", "makes calls under keys of their own, one after the other, with large replies"}, jobs,
			burstWork, 1, true},
		{Entry{"large", "has jobs done with replies of up to 1 MiB, and many of 60 kB at once"}, jobs, largeWork,
			jobActors, true},
		{Entry{"store", "runs transactions on the store itself: scans, own writes, phantoms"}, "counter", storeWork, 1,
			false},
	}
}

// target draws an actor of a workload.
func (k *worker) target(name string) api.ActorID {
	w := workloadNamed(name)
	return api.ActorID{Namespace: w.namespace, ID: strconv.Itoa(k.random.IntN(w.actors(&k.Config)))}
}

func counterWork(name string) func(k *worker) {
	return func(k *worker) {
		for k.more() {
			k.countSomething(k.target(name))
		}
	}
}

func (k *worker) countSomething(id api.ActorID) {
	switch k.random.IntN(10) {
	case 0:
		call[int64](k, id, "fail", k.amount())
	case 1, 2, 3, 4:
		call[int64](k, id, "get", nil)
	default:
		call[int64](k, id, "add", k.amount())
	}
}

// amount is one of so many that no two sums of a few are likely to be the same: that tells which calls have run, and
// keeps the search for their order short.
func (k *worker) amount() int64 { return 1 + k.random.Int64N(1<<40) }

func registerWork(k *worker) {
	for k.more() {
		k.useRegister(k.target("register"))
	}
}

func (k *worker) useRegister(id api.ActorID) {
	if k.random.IntN(2) == 0 {
		call[string](k, id, "read", nil)
	} else {
		call[string](k, id, "swap", k.unique())
	}
}

// overdraft is how far below zero an account may go.
const overdraft = 100

func transferWork(k *worker) {
	for k.more() {
		from, to, n := k.target("transfer"), k.target("transfer"), int64(1+k.random.IntN(50))
		if from == to {
			call[int64](k, from, "balance", nil)
			continue
		}
		if op, _, ok := surely[int64](k, from, "move", -n); ok && op.Output != applicationCode(codeShort) {
			surely[int64](k, to, "move", n)
		}
	}
}

func listWork(k *worker) {
	for k.more() {
		if id := k.target("list"); k.random.IntN(4) == 0 {
			call[[]string](k, id, "items", nil)
		} else {
			surely[int64](k, id, "append", k.unique())
		}
	}
}

func kvWork(k *worker) {
	for k.more() {
		id, key := k.target("kv"), fmt.Sprintf("k%d", k.random.IntN(5))
		switch k.random.IntN(6) {
		case 4:
			call[string](k, id, "get", key)
		case 5:
			call[[]string](k, id, "swap", pair{key, k.unique()})
		case 0:
			call[bool](k, id, "set", pair{key, k.unique()})
		case 1:
			call[bool](k, id, "delete", key)
		case 2:
			call[[]pair](k, id, "set_and_scan", pair{key, k.unique()})
		default:
			call[[]pair](k, id, "scan", nil)
		}
	}
}

func hotWork(k *worker) {
	for k.more() {
		k.countSomething(k.target("hot"))
	}
}

func coldWork(k *worker) {
	for k.more() {
		k.countSomething(k.target("cold"))
	}
}

func idleWork(k *worker) {
	for k.more() {
		k.useRegister(k.target("idle"))
		if !k.calm {
			k.pause(k.IdleTimeout*9/10 + k.random.Jitter(k.IdleTimeout*3/10))
		}
		if k.IdleTimeout > k.For/10 {
			k.made += 5 // or it would take too long
		}
	}
}

// purses is how many purses the relays move money between.
const purses = 4

func relayWork(k *worker) {
	for k.more() {
		from, to := k.random.IntN(purses), k.random.IntN(purses-1)
		if to >= from {
			to++
		}
		surely[int64](k, k.target("relay"), "run", errand{strconv.Itoa(from), strconv.Itoa(to)})
	}
}

func sessionWork(k *worker) {
	for k.more() {
		if id := k.target("session"); k.random.IntN(3) == 0 {
			call[sitting](k, id, "look", nil)
		} else {
			call[sitting](k, id, "visit", k.unique())
		}
	}
}
