// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// A job is a tree of work: an actor enters its name into a log, and has others do jobs of its own by calls, messages
// and alarms. Whatever fails on the way, each name must be in its actor's log once, or not at all, as the checker
// "once" tells from what callers were told.

const (
	// jobs is the namespace of actors that keep their log, scratch that of volatile ones.
	jobs    = "job"
	scratch = "scratch"
	// always is more failures than anything is tried again after.
	always = 1000
	// told by a child that failed for good, and by one that would have waited for its own caller.
	toldFailed, toldCycle = -1, -2
)

// How a job is handed on.
const (
	byCall  = "call"
	bySend  = "send"
	byAlarm = "alarm"
	// byAgain sets the alarm that runs the job once more, for the time that it had.
	byAgain = "again"
)

// job is what an actor is asked to do.
type job struct {
	Name  string
	Alarm string // that runs it, "" for none
	// Reply is how many bytes are answered, at least those of the job's place in the log.
	Reply int
	// Fails is how many runs fail, each after it has done everything.
	Fails int
	// Takes is how long the handler does not return, by its node's clock.
	Takes time.Duration
	Steps []handoff
}

// handoff is a job that another job hands on.
type handoff struct {
	How   string
	To    api.ActorID
	After time.Duration // of an alarm
	Job   job
}

// String is for people.
func (j job) String() string {
	b := new(strings.Builder)
	b.WriteString(j.Name)
	if j.Fails > 0 {
		b.WriteString(" fails")
		if j.Fails < always {
			b.WriteString(" " + strconv.Itoa(j.Fails))
		}
	}
	for _, s := range j.Steps {
		b.WriteString(" [" + s.How + " " + s.To.String() + " " + s.Job.String() + "]")
	}
	return b.String()
}

// entry is a job in a log. Told is what its steps answered: the place in the other's log, or why there is none.
type entry struct {
	Name string
	Told []int
}

func (j job) setsAlarms() bool {
	return slices.ContainsFunc(j.Steps, func(st handoff) bool { return st.How == byAlarm })
}

type jobState struct {
	// Begun counts activations: OnActivate does, and nothing else.
	Begun int
	Done  []entry
}

// sight is what a handler saw in its actor's log when it asked another actor.
type sight struct {
	at     time.Duration
	node   string
	actor  api.ActorID
	length int
	last   string
}

// jobbery is what a run remembers of its jobs beside what is in the store.
type jobbery struct {
	runs   map[string]int // of handlers, by name of the job
	hooks  int            // of OnActivate
	deaths int            // that were drawn
	hangs  int            // that were handed out
	sights []sight
	over   *env.Event // ends the handlers that never return
}

// hooksFail is of how many activations one fails.
const hooksFail = 9

// jobKinds are the actors that do jobs, as a process hosts them.
func (l *life) jobKinds() []actor.Kind {
	durable := actor.New[jobState](jobs).
		OnActivate(func(_ *actor.Context, s *jobState) error {
			if l.jobs.hooks++; !l.calm && l.jobs.hooks%hooksFail == 0 {
				return actor.Errorf("failing", "for no reason")
			}
			s.Begun++
			return nil
		}).
		With(actor.WriteFunc("do", l.do)).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *jobState, _ struct{}) ([]entry, error) {
			return slices.Clone(s.Done), nil
		}))
	volatile := actor.New[jobState](scratch).Volatile().
		OnActivate(func(_ *actor.Context, s *jobState) error { s.Begun++; return nil }).
		With(actor.WriteFunc("do", l.do)).
		With(actor.ReadFunc("log", func(_ *actor.Context, s *jobState, _ struct{}) ([]entry, error) {
			return slices.Clone(s.Done), nil
		}))
	kinds := []actor.Kind{durable, volatile}
	for _, k := range kinds {
		k.Spec().IdleTimeout, k.Spec().Placement = l.IdleTimeout, l.Placement
	}
	return kinds
}

// do does a job.
func (l *life) do(ctx *actor.Context, s *jobState, j job) (string, error) {
	if s.Begun == 0 {
		l.violate("initialised", "%s runs %s on %s, whose OnActivate has not run", l.name, j, ctx.Self())
	}
	if i := slices.IndexFunc(s.Done, func(e entry) bool { return e.Name == j.Name }); i >= 0 &&
		!tornApart(l.restores.done) { // else it may be another message, as the checker "once" knows
		l.violate("once", "%s runs %s on %s, which has it done as number %d of %d", l.name, j, ctx.Self(), i+1,
			len(s.Done))
	}
	l.jobs.runs[j.Name]++
	run := l.jobs.runs[j.Name]
	switch {
	case j.Takes >= forever:
		_ = l.jobs.over.Wait(context.Background())
		return "", actor.Errorf("stuck", "%s never returns", j.Name)
	case j.Takes > 0:
		_ = env.Sleep(l.env, context.Background(), j.Takes) // nothing ends it
	}
	done := entry{Name: j.Name}
	for _, st := range j.Steps {
		told, err := l.take(ctx, s, j, st)
		if err != nil {
			return "", err
		}
		done.Told = append(done.Told, told)
	}
	if run <= j.Fails {
		return "", actor.Errorf("failing", "%s was told to fail", j.Name)
	}
	s.Done = append(s.Done, done)
	place := strconv.Itoa(len(s.Done))
	return place + strings.Repeat(" ", max(0, j.Reply-len(place))), nil
}

// take hands a step on, and returns what was told.
func (l *life) take(ctx *actor.Context, s *jobState, j job, st handoff) (told int, err error) {
	switch st.How {
	case bySend:
		return 0, actor.Send(ctx, st.To, "do", st.Job)
	case byAlarm:
		return 0, ctx.SetAlarm(st.Job.Alarm, actor.Alarm{After: st.After, Method: "do", Request: st.Job})
	case byAgain:
		return 0, ctx.SetAlarm(j.Alarm, actor.Alarm{At: ctx.Now(), Method: "do", Request: st.Job})
	}
	asked := l.now()
	reply, err := actor.Call[string](ctx, st.To, "do", st.Job)
	code, app := applicationError(err)
	// else it may have been refused: what came before was to be committed first
	if n := len(s.Done); n > 0 && (err == nil || app) {
		l.jobs.sights = append(l.jobs.sights, sight{asked, l.name, ctx.Self(), n, s.Done[n-1].Name})
	}
	switch {
	case app && code == "failing":
		return toldFailed, nil
	case api.CodeOf(err) == api.CodeDeadlock:
		return toldCycle, nil
	case err != nil:
		return 0, err
	}
	return l.placeOf(st.Job, reply), nil
}

// placeOf reads the reply to a job.
func (w *world) placeOf(j job, reply string) int {
	text := strings.TrimRight(reply, " ")
	place, err := strconv.Atoi(text)
	if err != nil || len(reply) != max(j.Reply, len(text)) {
		w.violate("once", "%s was answered %d bytes that begin with %.20q, not a place with spaces up to %d bytes", j,
			len(reply), reply, j.Reply)
	}
	return place
}
