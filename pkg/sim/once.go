// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// The judgement of jobs: from what each caller was told follows what must be in the logs in the end, and what must not.

// place is where a job is in the logs.
type place struct {
	actor api.ActorID
	n     int // from 1 on
	told  []int
}

// expectation is what is known of a job by what has handed it on.
type expectation uint8

const (
	// must: it was taken on, and has or will have its effect.
	must expectation = iota
	// maybe: nobody knows.
	maybe
	// failed: it has run to its end and failed. What it has called has had its effect.
	failed
	// hopeless: it is tried, and fails each time.
	hopeless
	// not: it was never handed on.
	not
)

// onceCheck judges the jobs of a run by the logs.
type onceCheck struct {
	places  map[string][]place
	letters map[string]int // by name of the job
	// missing are jobs that must be in the logs and are not, or whose dead letters are.
	missing []string
	// wrong is what can't be.
	wrong []string
	// restores are those of the store, and of what a job has sent may be lost by a restore.
	restores []restored
	torn     bool
}

func newOnceCheck(logs map[api.ActorID][]entry, letters map[string]int, restores ...restored) *onceCheck {
	c := &onceCheck{places: make(map[string][]place), letters: maps.Clone(letters), restores: restores}
	for _, id := range sortedActors(logs) {
		for i, e := range logs[id] {
			c.places[e.Name] = append(c.places[e.Name], place{id, i + 1, e.Told})
		}
	}
	return c
}

func (c *onceCheck) blame(format string, args ...any) {
	c.wrong = append(c.wrong, sprintf(format, args...))
}

// judge compares what callers were told with the logs.
func (c *onceCheck) judge(ops []*Op) {
	for _, op := range ops {
		j, ok := op.Input.(job)
		if !ok || op.Actor.Namespace != jobs {
			continue
		}
		left := survival(op, c.restores)
		c.torn = left == apart
		switch n, told := op.Output.(int); {
		case left == gone || left == doubtful:
			c.outlived(j, op.Actor, left, rerun{})
		case op.Outcome == OK && told:
			c.expect(j, op.Actor, must)
			c.agrees(j, op.Actor, n, op.Client)
		case op.Outcome == OK:
			c.expect(j, op.Actor, failed)
		case op.Outcome == Refused:
			c.expect(j, op.Actor, not)
		default:
			c.expect(j, op.Actor, maybe)
		}
	}
	c.torn = false
	for _, name := range slices.Sorted(maps.Keys(c.letters)) {
		c.blame("there are %d dead letters of %s, which does not fail for good", c.letters[name], name)
	}
}

// agrees compares a place that was told with the one in the log.
func (c *onceCheck) agrees(j job, at api.ActorID, n int, who string) {
	if p := c.places[j.Name]; len(p) == 1 && p[0].n != n {
		c.blame("%s was told that %s is number %d in the log of %s, where it is number %d", who, j.Name, n, at, p[0].n)
	}
}

// expect judges one job, and those that it has handed on. chain are the actors that wait for it.
func (c *onceCheck) expect(j job, at api.ActorID, want expectation, chain ...api.ActorID) {
	if at.Namespace == scratch {
		return // whose handlers judge themselves: nobody keeps what they have done
	}
	found := c.places[j.Name]
	switch {
	case len(found) > 1:
		c.blame("%s was done %d times, as number %d and %d of the log of %s", j.Name, len(found), found[0].n,
			found[1].n, found[1].actor)
	case len(found) == 1 && found[0].actor != at:
		c.blame("%s was done by %s, and not by %s", j.Name, found[0].actor, at)
	case len(found) == 1 && want != must && want != maybe:
		c.blame("%s was done by %s, though %s", j.Name, at,
			[...]string{failed: "its caller was told that it had failed", hopeless: "it fails each time",
				not: "nobody has handed it on"}[want])
	case len(found) == 0 && want == must:
		c.missing = append(c.missing, j.Name)
	}
	if want == hopeless {
		c.buried(j, at)
	}
	chain = append(slices.Clone(chain), at)
	for i, st := range j.Steps {
		switch {
		case len(found) == 1 && st.How == byCall:
			c.called(j, st, found[0].told[i], chain)
		case len(found) == 1 && c.torn && st.How != byCall:
			c.handedOn(st, rerun{})
		case len(found) == 1:
			c.expect(st.Job, st.To, later(st.Job))
		case st.How != byCall:
			c.expect(st.Job, st.To, not)
		case want == failed || want == hopeless:
			c.expect(st.Job, st.To, tried(st, chain), chain...)
		case want == not:
			c.expect(st.Job, st.To, not, chain...)
		default:
			c.expect(st.Job, st.To, maybe, chain...)
		}
	}
}

// later is what is to be expected of a job that a message or an alarm runs.
func later(j job) expectation {
	if j.Fails >= always || j.Takes >= forever {
		return hopeless
	}
	return must
}

// tried is what is to be expected of a job that a handler has called whose own effect was undone.
func tried(st handoff, chain []api.ActorID) expectation {
	switch {
	case slices.Contains(chain, st.To):
		return not
	case st.Job.Fails >= always:
		return failed
	}
	return maybe // its handler may have failed before, for another reason, and been given up
}

// called judges a job by what the handler was told that has called it.
func (c *onceCheck) called(by job, st handoff, told int, chain []api.ActorID) {
	switch told {
	case toldFailed:
		c.expect(st.Job, st.To, failed, chain...)
	case toldCycle:
		c.expect(st.Job, st.To, not, chain...)
	default:
		c.expect(st.Job, st.To, must, chain...)
		c.agrees(st.Job, st.To, told, by.Name)
	}
	if cycle := slices.Contains(chain, st.To); cycle != (told == toldCycle) {
		c.blame("%s called %s, and was told %d: a cycle is refused, and nothing else", by.Name, st.To, told)
	}
}

// buried looks for the dead letter of a job that fails for good.
func (c *onceCheck) buried(j job, at api.ActorID) {
	name := j.Name
	if j.Takes >= forever && j.Alarm == "" {
		name = letterOfStuck + at.String()
	}
	switch n := c.letters[name]; {
	case n == 0:
		c.missing = append(c.missing, "the dead letter of "+j.Name)
	case n > 1 && name == j.Name:
		c.blame("%s is among the dead letters %d times", j.Name, n)
	case n > 1:
		c.letters[name]-- // another one's
		return
	}
	delete(c.letters, name)
}

// letterOfStuck begins what dead letters are known by of messages whose handler never returned: they tell of the
// target alone.
const letterOfStuck = "a message to "

// letterName is the job that a dead letter is of.
func letterName(l *api.DeadLetterRow) string {
	if l.Kind == "alarm" {
		return l.Alarm
	}
	if strings.HasPrefix(l.Code, api.CodeApplication.String()) {
		name, _, _ := strings.Cut(l.Error, " ")
		return name
	}
	if l.Code == api.CodeDeadlineExceeded.String() {
		return letterOfStuck + l.Target
	}
	return "something that was answered " + l.Code + ": " + l.Error
}

// jobsRun reports whether jobs were handed on.
func (w *world) jobsRun() bool { return len(w.jobs.runs) > 0 }

// jobLogs reads the logs; ok is false if one can't be read.
func (k *worker) jobLogs() (logs map[api.ActorID][]entry, ok bool) {
	logs = make(map[api.ActorID][]entry)
	for i := range jobActors {
		op := k.lastRead(jobID(i))
		log, ok := op.Output.([]entry)
		if !ok {
			k.violate("liveness", "%s does not answer %v after the last fault: %v", op.Actor, k.now()-k.calmAt, op.Err)
			return nil, false
		}
		logs[op.Actor] = log
	}
	return logs, true
}

// jobLetters counts the dead letters of jobs by the names of those.
func (w *world) jobLetters() (map[string]int, error) {
	out := make(map[string]int)
	for after := ""; ; {
		page, err := operate[api.DeadLettersRequest, api.DeadLettersReply](w, api.MethodDeadLetters,
			&api.DeadLettersRequest{Namespace: jobs, After: after})
		if err != nil {
			return nil, err
		}
		for i := range page.Letters {
			out[letterName(&page.Letters[i])]++
		}
		if after = page.Next; after == "" {
			return out, nil
		}
	}
}

// finishJobs waits until all jobs that were taken on are done, and judges them.
func (w *world) finishJobs() {
	if !w.jobsRun() {
		return
	}
	defer w.jobs.over.Set()
	for _, op := range w.history.ops {
		known := refusedForGood(op.Err) || quarantined(op.Err) || withoutStore(op.Err) || restarted(op.Err)
		if _, ok := op.Input.(job); ok && op.Outcome == Pending && !known {
			w.violate("liveness", "a call has not been answered %v after the last fault: %v", w.now()-w.calmAt, op)
			return
		}
	}
	k := w.newWorker(readerHost, 0)
	for _, name := range slices.Sorted(maps.Keys(w.living)) { // alarms may have been set by a clock that was ahead
		w.living[name].machine.SetWallOffset(dueAhead)
	}
	pause, done := w.Heartbeat, 0
	for end := w.now() + w.jobBound(); ; w.sleep(pause) {
		logs, ok := k.jobLogs()
		if !ok {
			return
		}
		letters, err := w.jobLetters()
		c := newOnceCheck(logs, letters, w.restores.done...)
		c.judge(w.history.ops)
		before := done
		done = len(c.places) + len(letters)
		switch late := w.now() > end; {
		case done != before && !late: // one log may have been read before, and another after something was done
		case len(c.wrong) > 0 && err == nil:
			for _, what := range c.wrong {
				w.violate("once", "%s", what)
			}
			return
		case len(c.missing) == 0 && err == nil:
			w.sleep(settling)
			return
		case late:
			w.violate("once", "%d jobs are not done %v after the last fault, such as %s (%v)", len(c.missing),
				w.now()-w.calmAt, c.missing[0], err)
			return
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// jobBound is how long after the end of all faults every job is done. Those that fail for good are tried ten times,
// and hold up what comes after them; those that never return have half a minute each time.
func (w *world) jobBound() time.Duration {
	bound := w.dueBound()
	for _, op := range w.history.ops {
		if j, ok := op.Input.(job); ok {
			bound += j.holdsUp()
		}
	}
	return bound
}

const (
	// failureHoldsUp and hangHoldsUp are how long what fails for good, or never returns, is tried.
	failureHoldsUp, hangHoldsUp = 5 * time.Minute, 11 * time.Minute
)

func (j job) holdsUp() (d time.Duration) {
	for _, st := range j.Steps {
		switch {
		case st.How == byCall:
		case st.Job.Takes >= forever:
			d += hangHoldsUp
		case st.Job.Fails >= always:
			d += failureHoldsUp
		}
		d += st.Job.holdsUp()
	}
	return d
}

// settling is how long is waited, once all is done, for what is done twice.
const settling = 5 * time.Second

// once judges all jobs by what was read last.
func (w *world) once() {
	logs := make(map[api.ActorID][]entry)
	read := make(map[api.ActorID]time.Duration)
	for _, op := range w.history.ops {
		if log, ok := op.Output.([]entry); ok && op.Client == readerHost {
			logs[op.Actor], read[op.Actor] = log, op.From
		}
	}
	if len(logs) < jobActors || w.broken["once"] > 0 {
		return
	}
	c := newOnceCheck(logs, nil, w.restores.done...)
	c.judge(w.history.ops)
	for _, what := range c.wrong {
		w.violate("once", "%s", what)
	}
	w.sawCommitted(logs, read)
	w.refusals(c)
}

// refusals checks that no call is refused because it may be an old one, unless it is.
func (w *world) refusals(c *onceCheck) {
	if w.on("recovery") {
		return // versions jump: calls of a moment ago are old
	}
	for _, op := range w.history.ops {
		if j, ok := op.Input.(job); ok && op.Outcome == Pending && len(c.places[j.Name]) == 0 &&
			refusedForGood(op.Err) && op.To-op.From < freshFor && survival(op, w.restores.done) == whole {
			w.violateAt(op.To, "refusals", "a call that has never run is refused for good, %v after it was made: %v",
				op.To-op.From, op)
			return
		}
	}
}

// freshFor is how long nobody may take a call for one of long ago.
const freshFor = 20 * time.Second

// sawCommitted checks that an actor that asked another one had nothing in its log that was not committed by then.
// read is when its log was read: what it did later proves nothing.
func (w *world) sawCommitted(logs map[api.ActorID][]entry, read map[api.ActorID]time.Duration) {
	for _, s := range w.jobs.sights {
		if s.at > read[s.actor] {
			continue
		}
		if log := logs[s.actor]; s.actor.Namespace == jobs && (len(log) < s.length || log[s.length-1].Name != s.last) {
			w.violateAt(s.at, "once", "%s asked another actor on %s when %s was number %d of its log, which was not "+
				"committed", s.actor, s.node, s.last, s.length)
			return
		}
	}
}
