// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// asking is what an activation knows of the calls that its handlers make. While one waits for another actor, its own is
// blocked: so nothing must wait for the same commit. A call that asks is the first of its batch.
type asking struct {
	// methods are those that have asked: their calls begin a batch.
	methods map[string]bool
	// Of the call that runs: how often it has asked, whether it is the first of its batch, and whether it was refused
	// to, to run again as the first of the next.
	asked          int32
	first, refused bool
}

func (s *asking) begin(first bool) { s.asked, s.first, s.refused = 0, first, false }

// verdict is the error of a handler that has failed. One that has asked others may have had effects there: only its
// caller, by asking again, brings it to an end.
//
// If all that the handler has asked was refused for its birth, nothing has happened there, and the caller may make
// its call again under another birth (R12).
func (s *asking) verdict(err *api.Error) *api.Error {
	if s.asked != 1 {
		err = wireError(withoutBirth(err))
	}
	if s.asked == 0 || !notRun(err) {
		return err
	}
	return api.Errorf(api.CodeUnknown, "a call that it made may have had its effect, and then: %w", err)
}

// turn is what the handler of a call has at hand.
func (a *activation) turn(ctx context.Context, c *call) actor.Turn {
	return actor.Turn{
		Agenda: planner{a},
		Time:   time.UnixMicro(c.key.Time).UTC(),
		Seed: func() [16]byte {
			key := c.key
			key.Birth, key.Answered, key.AnsweredHere, key.Time = 0, 0, 0, 0
			return requestHash(
				&call{method: a.actor.String() + " " + c.method, body: (&api.InvokeRequest{Key: key}).AppendTo(nil)})
		},
		Ask: func(id actor.ID, method string, request []byte) ([]byte, error) {
			return a.ask(ctx, c, id, method, request)
		},
	}
}

// ask makes a call for the handler of c and waits for its answer, until ctx ends.
func (a *activation) ask(ctx context.Context, c *call, id api.ActorID, method string, body []byte) ([]byte, error) {
	if err := mayAsk(append(slices.Clone(c.chain), a.actor), id); err != nil {
		return nil, err
	}
	if !a.asking.first {
		if a.asking.methods == nil {
			a.asking.methods = make(map[string]bool)
		}
		a.asking.methods[c.method], a.asking.refused = true, true
		return nil, api.Errorf(api.CodeUnavailable, "actor %s: the calls before this one are to be committed first",
			a.actor)
	}
	answer := env.NewFuture[[]byte](a.node.env)
	child := &call{
		actor: id, method: method, key: c.key.Child(a.actor, int(a.asking.asked)),
		chain: append(slices.Clone(c.chain), a.actor), body: body,
		context:  func() context.Context { return ctx },
		deadline: c.deadline,
		finish:   func(body []byte, _ string, err error) { answer.Complete(body, err) },
	}
	if err := child.validate(); err != nil {
		return nil, err
	}
	resume, err := a.pauseTrial(ctx, c)
	if err != nil {
		return nil, a.breaks(err)
	}
	if a.asking.asked == 0 {
		if err := a.bindBirth(c); err != nil {
			return nil, err
		}
	}
	a.asking.asked++
	a.node.router.route(child)
	reply, err := answer.Wait(ctx)
	if err := resume(); err != nil {
		return nil, a.breaks(err)
	}
	switch api.CodeOf(err) {
	case api.CodeMoved, api.CodeFenced: // of the other actor: this one's caller would look for this one
		err = api.Errorf(api.CodeUnavailable, "%w", err)
	case api.CodeUnknown:
		if a.asking.asked > 1 || c.alarm != nil || c.number != 0 {
			err = withoutBirth(err)
		}
	}
	return reply, err
}

// withoutBirth takes from an error what would have a caller make the call again under another birth.
func withoutBirth(err error) error {
	if _, ok := api.RefusedBirth(err); !ok {
		return err
	}
	out := *wireError(err)
	out.Detail = maps.Clone(out.Detail)
	delete(out.Detail, api.DetailBirth)
	return &out
}

// bindBirth fixes the birth of what the handler of an alarm or a message asks of others, durably, before it asks for
// the first time. Such a handler runs again until it succeeds, however long that takes, and asks under the same keys:
// with a birth of its own, each run could outlive the records of those before, and have them done once more. (R10)
func (a *activation) bindBirth(c *call) error {
	var write registry.Write
	var bound func()
	switch {
	case c.alarm != nil && c.alarm.birth == 0:
		al := *c.alarm
		al.birth = c.key.Birth
		write = registry.Write{Key: alarmKey(al.Name), Value: al.encode()}
		bound = func() { a.agenda.replace(c.alarm, &al); c.alarm = &al }
	case c.number != 0:
		from := c.source()
		m := a.agenda.inbox.cache[from]
		if m.bound == c.number {
			return nil
		}
		m.bound, m.birth = c.number, c.key.Birth
		write = registry.Write{Key: from.key(), Value: m.encode()}
		bound = func() { a.agenda.inbox.remember(from, m) }
	default:
		return nil
	}
	if !a.spec.Volatile {
		if err := a.claim.Commit(a.node.ctx, []registry.Write{write}); err != nil {
			return a.breaks(err)
		}
	}
	bound()
	return nil
}

// breaks takes note that a commit in the middle of a handler has failed, and returns what the handler is told. Unless
// nothing was sent to the store, the activation ends with the batch, whatever the handler makes of the error: the claim
// is lost, or the commit may still land, and another batch would have its number (R5).
func (a *activation) breaks(err error) error {
	if !outOfReach(err) {
		a.broken = wireError(err)
	}
	return api.Errorf(api.CodeUnavailable, "actor %s: it can't ask others now: %w", a.actor, err)
}

// mayAsk refuses a call that would never be answered, or is one of too many that wait for each other.
func mayAsk(chain []api.ActorID, id api.ActorID) error {
	if i := slices.Index(chain, id); i >= 0 {
		var cycle strings.Builder
		for _, link := range chain[i:] {
			cycle.WriteString(link.String() + " -> ")
		}
		return api.Errorf(api.CodeDeadlock, "actors would wait for each other for ever: %s%s", cycle.String(), id)
	}
	if len(chain) > api.ChainMax {
		return api.Errorf(api.CodeFailedPrecondition, "actor %s can't be called: %d actors wait for each other "+
			"already, from %s on", id, len(chain), chain[0])
	}
	return nil
}
