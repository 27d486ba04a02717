// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// asked is a job as its caller was told of it: a place in the log, or nil if nobody knows.
func asked(j job, at api.ActorID, told any) *Op {
	op := &Op{Client: "c1", Actor: at, Method: "do", Input: j, Output: told, Outcome: OK}
	if told == nil {
		op.Outcome = Pending
	}
	return op
}

// refused is a job that its caller knows not to have run.
func refused(j job, at api.ActorID) *Op {
	return &Op{Client: "c1", Actor: at, Method: "do", Input: j, Outcome: Refused}
}

// TestJobsAreJudged shows what the checker of jobs finds, and what it waits for.
func TestJobsAreJudged(t *testing.T) {
	a, b := jobID(0), jobID(1)
	plain := job{Name: "j"}
	with := func(how string, child job) job {
		return job{Name: "j", Steps: []handoff{{How: how, To: b, Job: child}}}
	}
	child, dying := job{Name: "k"}, job{Name: "k", Fails: always}
	hanging := job{Name: "k", Takes: forever}
	cyclic := job{Name: "j", Steps: []handoff{{How: byCall, To: a, Job: child}}}
	type logs = map[api.ActorID][]entry
	failing := applicationCode("failing")
	for _, test := range []struct {
		name    string
		op      *Op
		logs    logs
		letters map[string]int
		wrong   bool
		missing bool
	}{
		{name: "done", op: asked(plain, a, 1), logs: logs{a: {{Name: "j"}}}},
		{name: "lost", op: asked(plain, a, 1), logs: logs{}, missing: true},
		{name: "done twice", op: asked(plain, a, 1), logs: logs{a: {{Name: "j"}, {Name: "j"}}}, wrong: true},
		{name: "done by another", op: asked(plain, a, 1), logs: logs{b: {{Name: "j"}}}, wrong: true},
		{name: "told another place", op: asked(plain, a, 2), logs: logs{a: {{Name: "j"}}}, wrong: true},
		{name: "nobody knows, and done", op: asked(plain, a, nil), logs: logs{a: {{Name: "j"}}}},
		{name: "nobody knows, and not done", op: asked(plain, a, nil), logs: logs{}},
		{name: "refused, and done", op: refused(plain, a), logs: logs{a: {{Name: "j"}}}, wrong: true},
		{name: "failed, and done", op: asked(plain, a, failing), logs: logs{a: {{Name: "j"}}}, wrong: true},
		{name: "failed", op: asked(plain, a, failing), logs: logs{}},
		{name: "a child done", op: asked(with(byCall, child), a, 1),
			logs: logs{a: {{"j", []int{1}}}, b: {{Name: "k"}}}},
		{name: "a child lost", op: asked(with(byCall, child), a, 1), logs: logs{a: {{"j", []int{1}}}}, missing: true},
		{name: "a child at another place", op: asked(with(byCall, child), a, 1),
			logs: logs{a: {{"j", []int{2}}}, b: {{Name: "k"}}}, wrong: true},
		{name: "a child of what nobody knows", op: asked(with(byCall, child), a, nil), logs: logs{b: {{Name: "k"}}}},
		{name: "a child of what was refused", op: refused(with(byCall, child), a), logs: logs{b: {{Name: "k"}}},
			wrong: true},
		{name: "a child that failed, and is done", op: asked(with(byCall, child), a, 1),
			logs: logs{a: {{"j", []int{toldFailed}}}, b: {{Name: "k"}}}, wrong: true},
		{name: "a cycle refused", op: asked(cyclic, a, 1), logs: logs{a: {{"j", []int{toldCycle}}}}},
		{name: "a cycle run", op: asked(cyclic, a, 2), logs: logs{a: {{Name: "k"}, {"j", []int{1}}}}, wrong: true},
		{name: "no cycle, and refused", op: asked(with(byCall, child), a, 1), logs: logs{a: {{"j", []int{toldCycle}}}},
			wrong: true},
		{name: "a message that has arrived", op: asked(with(bySend, child), a, 1),
			logs: logs{a: {{"j", []int{0}}}, b: {{Name: "k"}}}},
		{name: "a message on its way", op: asked(with(bySend, child), a, 1), logs: logs{a: {{"j", []int{0}}}},
			missing: true},
		{name: "a message of what has not happened", op: asked(with(bySend, child), a, nil),
			logs: logs{b: {{Name: "k"}}}, wrong: true},
		{name: "an alarm of what has failed", op: asked(with(byAlarm, child), a, failing),
			logs: logs{b: {{Name: "k"}}}, wrong: true},
		{name: "a message that fails for good", op: asked(with(bySend, dying), a, 1), logs: logs{a: {{"j", []int{0}}}},
			letters: map[string]int{"k": 1}},
		{name: "a message that fails, not yet for good", op: asked(with(bySend, dying), a, 1),
			logs: logs{a: {{"j", []int{0}}}}, missing: true},
		{name: "two dead letters of one", op: asked(with(bySend, dying), a, 1), logs: logs{a: {{"j", []int{0}}}},
			letters: map[string]int{"k": 2}, wrong: true},
		{name: "a dead letter of what does not fail", op: asked(with(bySend, child), a, 1),
			logs: logs{a: {{"j", []int{0}}}, b: {{Name: "k"}}}, letters: map[string]int{"k": 1}, wrong: true},
		{name: "a message that never returns", op: asked(with(bySend, hanging), a, 1),
			logs: logs{a: {{"j", []int{0}}}}, letters: map[string]int{letterOfStuck + b.String(): 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newOnceCheck(test.logs, test.letters)
			c.judge([]*Op{test.op})
			if (len(c.wrong) > 0) != test.wrong || (len(c.missing) > 0) != test.missing {
				t.Errorf("wrong %q, missing %q; want wrong: %t, missing: %t", c.wrong, c.missing, test.wrong,
					test.missing)
			}
		})
	}
}

// judged returns a run of which nothing has happened but some calls.
func judged(ops ...*Op) *world {
	w := &world{broken: make(map[string]int), sched: coro.New(coro.Options{})}
	w.events = newTimeline(w)
	w.history.ops = ops
	return w
}

// TestRefusalsAreJudged shows which refused calls are reported: those of a moment ago that have not run.
func TestRefusalsAreJudged(t *testing.T) {
	final := api.Errorf(api.CodeUnknown, "forgotten")
	final.Detail = map[string]string{api.DetailFinal: "true"}
	j, a := job{Name: "j"}, jobID(0)
	young, old := asked(j, a, nil), asked(j, a, nil)
	young.Err, old.Err = final, final
	old.To = freshFor
	ran := map[api.ActorID][]entry{a: {{Name: "j"}}}
	for _, test := range []struct {
		name string
		op   *Op
		logs map[api.ActorID][]entry
		good bool
	}{
		{"young", young, nil, false},
		{"young, but it has run", young, ran, true},
		{"old", old, nil, true},
	} {
		w := judged(test.op)
		if w.refusals(newOnceCheck(test.logs, nil)); (len(w.found) == 0) != test.good {
			t.Errorf("%s: %v", test.name, w.found)
		}
	}
}

// TestAskingIsJudged shows that a log which a handler saw when it asked another actor must be one that was committed.
func TestAskingIsJudged(t *testing.T) {
	a := jobID(0)
	for last, good := range map[string]bool{"j": true, "k": false} {
		w := judged()
		w.jobs.sights = []sight{{node: "n1", actor: a, length: 1, last: last}}
		if w.sawCommitted(map[api.ActorID][]entry{a: {{Name: "j"}}}, nil); (len(w.found) == 0) != good {
			t.Errorf("%s: %v", last, w.found)
		}
	}
}

// TestEndsOfProcessesAreJudged shows that a process may end by itself only if another one has its name.
func TestEndsOfProcessesAreJudged(t *testing.T) {
	for _, test := range []struct {
		name   string
		faults []string
		others []*life
		good   bool
	}{
		{"alone", nil, nil, false},
		{"with a later one", nil, []*life{{name: "n1", number: 1}}, true},
		{"with one of another name", nil, []*life{{name: "n2", number: 1}}, false},
		{"among twins", []string{"twin"}, nil, true},
	} {
		w := judged()
		w.Faults = test.faults
		l := &life{world: w, name: "n1"}
		w.lives = append(test.others, l)
		for _, other := range test.others {
			other.world = w
		}
		if l.endedItself(api.Errorf(api.CodeFenced, "gone")); (len(w.found) == 0) != test.good {
			t.Errorf("%s: %v", test.name, w.found)
		}
	}
}

// TestDeletedListsAreJudged shows that what was appended after a deletion must stay.
func TestDeletedListsAreJudged(t *testing.T) {
	at := api.ActorID{Namespace: wiped, ID: "0"}
	op := func(called int64, method string, in, out any) *Op {
		return &Op{Client: "c1", Actor: at, Method: method, Input: in, Output: out, Outcome: OK, Called: called,
			Returned: called + 1}
	}
	before := []*Op{op(1, "append", "a", int64(1)), op(3, "rm", nil, nil), op(5, "append", "b", int64(1))}
	for last, good := range map[string]bool{"b": true, "": false} {
		var items []string
		if last != "" {
			items = []string{last}
		}
		w := judged(append(before[:3:3], op(7, "items", nil, items))...)
		if w.linearizable(); (len(w.found) == 0) != good {
			t.Errorf("%q: %v", items, w.found)
		}
	}
}
