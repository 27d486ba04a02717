// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// What actors do later: a post sends items to boxes, at once or by an alarm, and nobody waits for it. In the end
// every item that was taken on is in its box, once, and those of one post in the order in which it has sent them.

// boxes is how many boxes the posts send to.
const boxes = 3

// dueEvery is how often a post ticks.
const dueEvery = time.Second

// apartMin is how far the clocks of two nodes must have been apart for one to bring back what the other has put off.
const apartMin = time.Minute - dueEvery

// dueAhead is more than a clock is ahead, ever.
const dueAhead = 2 * time.Hour

// item is what a post is asked to send.
type item struct {
	Name  string
	To    string
	After time.Duration // by an alarm of its name, if it is not 0
	Fail  bool          // the handler fails after it has sent, and so has not
}

type postState struct {
	Sent map[string]int64 // to each box
	// Ticks counts the runs of an alarm that repeats, and Last is the time for which the last was. Wrong is what must
	// not be.
	Ticks, Last int64
	Wrong       string
}

// put is an item on its way to a box. N numbers what the post has sent there.
type put struct {
	From, Name string
	N          int64
}

type boxState struct {
	Items []string
	Last  map[string]int64 // from each post
	Wrong string
}

// posts and boxes. One in so many puts fails, for no reason, and is tried again.
//
// apart is how far the clocks of two nodes have been apart, at most.
func postsAndBoxes(apart func() time.Duration) []actor.Kind {
	const failing = 7
	serial := 0
	send := func(ctx *actor.Context, s *postState, i item) (int64, error) {
		if s.Sent == nil {
			s.Sent = make(map[string]int64)
		}
		s.Sent[i.To]++
		err := actor.Send(ctx, actor.ID{Namespace: "box", ID: i.To}, "put", put{ctx.Self().ID, i.Name, s.Sent[i.To]})
		if err == nil && i.Fail {
			err = actor.Errorf("refused", "told to fail")
		}
		return s.Sent[i.To], err
	}
	post := actor.New[postState]("post").
		With(actor.WriteFunc("send", send)).
		With(actor.WriteFunc("later", func(ctx *actor.Context, s *postState, i item) (bool, error) {
			if s.Ticks == 0 && s.Last == 0 {
				if err := ctx.SetAlarm("tick", actor.Alarm{Every: dueEvery, Method: "tick"}); err != nil {
					return false, err
				}
				s.Last = -1
			}
			err := ctx.SetAlarm(
				i.Name, actor.Alarm{After: i.After, Method: "send", Request: item{Name: i.Name, To: i.To}})
			if err == nil && i.Fail {
				err = actor.Errorf("refused", "told to fail")
			}
			return true, err
		})).
		With(actor.WriteFunc("tick", func(ctx *actor.Context, s *postState, _ struct{}) (bool, error) {
			at := ctx.Now().UnixMilli()
			// After a tick by a clock that was ahead of another, those come that it jumped over.
			back := apart()
			early := back > apartMin && s.Last-at <= back.Milliseconds()
			if s.Last > 0 && (at <= s.Last && !early || (at-s.Last)%dueEvery.Milliseconds() != 0) {
				s.Wrong = sprintf("a tick of %d came after one of %d", at, s.Last)
			}
			s.Ticks, s.Last = s.Ticks+1, at
			return true, nil
		})).
		With(actor.WriteFunc("cancel", func(ctx *actor.Context, _ *postState, name string) (bool, error) {
			return ctx.CancelAlarm(name)
		})).
		With(actor.ReadFunc("wrong", func(_ *actor.Context, s *postState, _ struct{}) (string, error) {
			return s.Wrong, nil
		}))
	box := actor.New[boxState]("box").
		With(actor.WriteFunc("put", func(_ *actor.Context, s *boxState, p put) (bool, error) {
			if serial++; serial%failing == 0 {
				return false, actor.Errorf("failing", "for no reason")
			}
			if s.Last == nil {
				s.Last = make(map[string]int64)
			}
			if s.Wrong == "" && p.N != s.Last[p.From]+1 {
				s.Wrong = sprintf("%s came as number %d of post/%s, after number %d", p.Name, p.N, p.From,
					s.Last[p.From])
			}
			s.Last[p.From] = p.N
			s.Items = append(s.Items, p.Name)
			return true, nil
		})).
		With(actor.ReadFunc("items", func(_ *actor.Context, s *boxState, _ struct{}) ([]string, error) {
			if s.Wrong != "" {
				return nil, actor.Errorf("wrong", "%s", s.Wrong)
			}
			return slices.Clone(s.Items), nil
		}))
	return []actor.Kind{post, box}
}

func sendWork(k *worker) {
	for k.more() {
		surely[int64](k, k.target("send"), "send",
			item{Name: k.unique(), To: strconv.Itoa(k.random.IntN(boxes)), Fail: k.random.IntN(8) == 0})
	}
}

func alarmWork(k *worker) {
	for k.more() {
		id := k.target("alarm")
		i := item{Name: k.unique(), To: strconv.Itoa(k.random.IntN(boxes)), After: k.random.Jitter(5*time.Second) + 1,
			Fail: k.random.IntN(8) == 0}
		surely[bool](k, id, "later", i)
		if k.random.IntN(4) == 0 {
			k.pause(k.random.Jitter(i.After))
			surely[bool](k, id, "cancel", i.Name)
		}
	}
}

// owed is what must be in boxes, and what must not be there, as far as the answers tell.
func (w *world) owed() (must, never map[string]*Op) {
	must, never = make(map[string]*Op), make(map[string]*Op)
	for _, op := range w.history.ops {
		switch i, isItem := op.Input.(item); {
		case op.Actor.Namespace != "post" || op.Outcome != OK:
		case isItem && i.Fail:
			never[i.Name] = op
		case isItem:
			must[i.Name] = op
		case op.Method == "cancel" && op.Output == true:
			name := op.Input.(string)
			delete(must, name)
			never[name] = op
		case op.Method == "cancel": // it had run, or was never set
		}
	}
	return must, never
}

// dues waits for what posts have still to do, and checks that it is done, once. Nobody calls them meanwhile.
func (w *world) dues() {
	must, never := w.owed()
	if len(must)+len(never) == 0 {
		return
	}
	k := w.newWorker(readerHost, 0)
	sent := make(map[string]*Op)
	for name, op := range must { //kelpie:unordered into another
		if op.Method == "send" {
			sent[name] = op
		}
	}
	if !k.arrive(sent, never) {
		return
	}
	// Alarms may have been set by a clock that was ahead. In the end it is late everywhere.
	for _, name := range slices.Sorted(maps.Keys(w.living)) {
		w.living[name].machine.SetWallOffset(dueAhead)
	}
	if k.arrive(must, never) {
		k.stopTicks()
	}
}

// arrive waits until boxes hold what they must, and reports whether they do, and nothing else.
func (k *worker) arrive(must, never map[string]*Op) bool {
	w := k.world
	for end := w.now() + w.dueBound(); ; w.sleep(w.Heartbeat) {
		held := make(map[string]int)
		for i := range boxes {
			op := k.lastRead(api.ActorID{Namespace: "box", ID: strconv.Itoa(i)})
			items, ok := op.Output.([]string)
			if !ok {
				w.violate("due", "%v: out of order, or twice", op)
				return false
			}
			for _, name := range items {
				held[name]++
			}
		}
		if done, good := w.allThere(must, never, held, w.now() > end); done {
			return good
		}
	}
}

// allThere compares what boxes hold with what they ought to, and reports whether there is nothing to wait for, and
// all is good. late says that what is not there is lost.
func (w *world) allThere(must, never map[string]*Op, held map[string]int, late bool) (done, good bool) {
	for _, name := range sortedNames(held) {
		if held[name] > 1 {
			w.violate("due", "%s has arrived %d times", name, held[name])
			return true, false
		}
		if op := never[name]; op != nil {
			w.violate("due", "%s has arrived, in spite of %v", name, op)
			return true, false
		}
	}
	for _, name := range sortedNames(must) {
		if held[name] == 0 {
			if late {
				w.violate("due", "%s has not arrived %v after the last fault: %v", name, w.now()-w.calmAt, must[name])
			}
			return late, false
		}
	}
	return true, true
}

// dueBound is how long after the end of all faults everything has been done that was due. What has failed is tried
// again after a minute.
func (w *world) dueBound() time.Duration { return w.answerBound() + 3*time.Minute }

// stopTicks cancels the alarms that repeat, so that all comes to rest, and looks whether each was as it must be.
func (k *worker) stopTicks() {
	for _, id := range sortedActors(k.history.byActor()) {
		if id.Namespace != "post" {
			continue
		}
		ctx, cancel := env.WithTimeout(k.env, k.ctx, k.answerBound())
		callWithin[bool](ctx, k, id, "cancel", "tick")
		op, wrong := callWithin[string](ctx, k, id, "wrong", nil)
		cancel()
		if wrong != "" {
			k.violate("due", "%s: %s", op.Actor, wrong)
		}
	}
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m { //kelpie:unordered sorted below
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(a, b) })
	return names
}
