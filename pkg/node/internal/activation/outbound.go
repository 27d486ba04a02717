// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// outbound is what an activation knows of the calls that its handlers make. While one waits for another actor, its
// own is blocked: so nothing must wait for the same commit. A call that asks is the first of its batch.
type outbound struct {
	// methods are those that have asked: their calls begin a batch.
	methods map[string]bool
	// Of the call that runs: how often it has asked, whether it is the first of its batch, and whether it was refused
	// to, to run again as the first of the next.
	asked          int32
	first, refused bool
}

func (s *outbound) begin(first bool) { s.asked, s.first, s.refused = 0, first, false }

// verdict is the error of a handler that has failed. One that has asked others may have had effects there: only its
// caller, by asking again, brings it to an end.
//
// If all that the handler has asked was refused for its birth, nothing has happened there, and the caller may make
// its call again under another birth (R12).
func (s *outbound) verdict(err *api.Error) *api.Error {
	if s.asked != 1 {
		err = call.WireError(call.WithoutBirth(err))
	}
	if s.asked == 0 || !call.NotRun(err) {
		return err
	}
	return api.Errorf(api.CodeUnknown, "a call that it made may have had its effect, and then: %w", err)
}

// turn is what the handler of a call has at hand.
func (a *Activation) turn(ctx context.Context, c *call.Call) kind.Turn {
	return kind.Turn{
		Context: ctx, Actor: a.Actor, KV: a.kv, Schedule: scheduler{a},
		Time: time.UnixMicro(c.Key.Time).UTC(),
		Seed: func() [16]byte {
			key := c.Key
			key.Birth, key.Answered, key.AnsweredHere, key.Time = 0, 0, 0, 0
			return dedup.RequestHash(
				&call.Call{Method: a.Actor.String() + " " + c.Method,
					Body: (&api.InvokeRequest{Key: key}).AppendTo(nil)})
		},
		Logger: func() *slog.Logger { return a.logger(c.Method).With("call", c.Key.String()) },
		Call: func(id api.ActorID, method string, request []byte) ([]byte, error) {
			return a.ask(ctx, c, id, method, request)
		},
	}
}

// logger returns the logger of a method or a hook of the actor's.
func (a *Activation) logger(method string) *slog.Logger {
	return a.parts.Log.With("actor", a.Actor.String(), "method", method)
}

// ask makes a call for the handler of c and waits for its answer, until ctx ends.
func (a *Activation) ask(ctx context.Context, c *call.Call, id api.ActorID, method string, body []byte) (
	[]byte, error) {
	if err := mayAsk(append(slices.Clone(c.Chain), a.Actor), id); err != nil {
		return nil, err
	}
	if !a.outbound.first {
		if a.outbound.methods == nil {
			a.outbound.methods = make(map[string]bool)
		}
		a.outbound.methods[c.Method], a.outbound.refused = true, true
		return nil, api.Errorf(api.CodeUnavailable, "actor %s: the calls before this one are to be committed first",
			a.Actor)
	}
	answer := env.NewFuture[[]byte](a.parts.Env)
	child := &call.Call{
		Actor: id, Method: method, Key: c.Key.Child(a.Actor, int(a.outbound.asked)),
		Chain: append(slices.Clone(c.Chain), a.Actor), Body: body,
		Context:  func() context.Context { return ctx },
		Deadline: c.Deadline,
		Finish:   func(body []byte, _ string, err error) { answer.Complete(body, err) },
	}
	child.GivenUpWith(ctx)
	if err := child.Validate(); err != nil {
		return nil, err
	}
	resume, err := a.pauseTrial(ctx, c)
	if err != nil {
		return nil, a.breaks(err)
	}
	if a.outbound.asked == 0 {
		if err := a.bindBirth(c); err != nil {
			return nil, err
		}
	}
	a.outbound.asked++
	a.parts.Router.Route(child)
	reply, err := answer.Wait(ctx)
	err = call.EndedBy(ctx, err)
	if err := resume(); err != nil {
		return nil, a.breaks(err)
	}
	switch api.CodeOf(err) {
	case api.CodeMoved, api.CodeFenced: // of the other actor: this one's caller would look for this one
		err = api.Errorf(api.CodeUnavailable, "%w", err)
	case api.CodeUnknown:
		if a.outbound.asked > 1 || c.Alarm != nil || c.Number != 0 {
			err = call.WithoutBirth(err)
		}
	}
	return reply, err
}

// bindBirth fixes the birth of what the handler of an alarm or a message asks of others, durably, before it asks for
// the first time. Such a handler runs again until it succeeds, however long that takes, and asks under the same keys:
// with a birth of its own, each run could outlive the records of those before, and have them done once more. (R10)
func (a *Activation) bindBirth(c *call.Call) error {
	var write registry.Write
	var bound func()
	switch {
	case c.Alarm != nil && c.Alarm.Birth == 0:
		al := *c.Alarm
		al.Birth = c.Key.Birth
		write = registry.Write{Key: statekeys.Alarm(al.Name), Value: al.Encode()}
		bound = func() { a.schedule.Replace(c.Alarm, &al); c.Alarm = &al }
	case c.Number != 0:
		from := state.SourceOf(c)
		m := a.schedule.Inbox.Cache[from]
		if m.Bound == c.Number {
			return nil
		}
		m.Bound, m.Birth = c.Number, c.Key.Birth
		write = registry.Write{Key: from.Key(), Value: m.Encode()}
		bound = func() { a.schedule.Inbox.Remember(from, m) }
	default:
		return nil
	}
	if !a.Spec.Volatile {
		if err := a.Claim.Commit(a.parts.Ctx, []registry.Write{write}); err != nil {
			return a.breaks(err)
		}
	}
	bound()
	return nil
}

// breaks takes note that a commit in the middle of a handler has failed, and returns what the handler is told. Unless
// nothing was sent to the store, the activation ends with the batch, whatever the handler makes of the error: the claim
// is lost, or the commit may still land, and another batch would have its number (R5).
func (a *Activation) breaks(err error) error {
	if !call.OutOfReach(err) {
		a.broken = call.WireError(err)
	}
	return api.Errorf(api.CodeUnavailable, "actor %s: it can't ask others now: %w", a.Actor, err)
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
