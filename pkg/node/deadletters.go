// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// deadLettersMax is how many dead letters an actor has. The oldest go when there are more.
	deadLettersMax = 1000
	// deadErrorBytesMax is how much of an error is kept.
	deadErrorBytesMax = 1000
)

// bury makes a dead letter part of the batch.
func (g *agenda) bury(d *registry.DeadLetter, why error) {
	explain(d, why)
	g.buried = append(g.buried, d)
}

// explain puts an error into a dead letter.
func explain(d *registry.DeadLetter, why error) {
	err := wireError(why)
	d.Bytes, d.Error, d.Code = len(d.Request), clipTo(err.Message, deadErrorBytesMax), err.Code.String()
	if code := err.Detail[api.DetailCode]; code != "" {
		d.Code += ":" + clip(code)
	}
}

// crowd drops the oldest dead letters if there would be too many. One that can't be read now is dropped by a later one.
func (a *activation) crowd(ctx context.Context) {
	g := a.agenda
	if len(g.buried) == 0 || g.dead >= 0 && g.dead+len(g.buried) <= deadLettersMax {
		return
	}
	numbers, err := a.claim.DeadNumbers(ctx)
	if err != nil {
		a.host.log.Warn("dead letters could not be counted", "actor", a.actor.String(), "error", err)
		return
	}
	g.dead = len(numbers)
	for _, number := range numbers {
		if g.dead+len(g.buried) <= deadLettersMax {
			return
		}
		a.host.log.Warn("a dead letter was dropped: the actor has too many", "actor", a.actor.String(), "letter",
			api.FormatLetter(a.actor, number))
		g.exhumed = append(g.exhumed, number)
		g.dead--
	}
}

// runRetry takes a dead letter of the actor's back: a message goes out again, an alarm runs at once.
func (a *activation) runRetry(c *call) answer {
	out := answer{call: c}
	if a.spec.Volatile {
		out.err = errNoLetter(a.actor, string(c.body))
		return out
	}
	number, err := strconv.ParseUint(string(c.body), 10, 63)
	if err != nil {
		out.err, out.settled = api.Errorf(api.CodeInvalidArgument, "%q is not the number of a dead letter",
			clip(string(c.body))), true
		return out
	}
	d, err := a.claim.DeadLetter(c.context(), number)
	switch {
	case err != nil:
		out.err, out.settled = api.Errorf(api.CodeUnavailable, "actor %s: its dead letter can't be read: %v", a.actor,
			err), true
		return out
	case d == nil || a.agenda != nil && slices.Contains(a.agenda.exhumed, number):
		out.err = errNoLetter(a.actor, strconv.FormatUint(number, 10))
		return out
	}
	g := a.plan()
	g.begin()
	if d.Alarm == "" {
		err = a.send(&message{origin: d.Origin, target: d.Target, method: d.Method, body: d.Request, since: d.Due})
	} else {
		al := &alarm{origin: d.Alarm, number: d.Origin}
		al.Name, al.Method, al.Request, al.Due = retriedAlarm+strconv.FormatUint(number, 10), d.Method, d.Request,
			time.UnixMilli(d.Due).UTC()
		err = a.setAlarm(al)
	}
	if err != nil {
		g.begin()
		out.err = wireError(err)
		return out
	}
	g.exhumed = append(g.exhumed, number)
	g.keep()
	out.writes = true
	return out
}

func errNoLetter(id actor.ID, number string) error {
	return api.Errorf(api.CodeNotFound, "actor %s has no dead letter %s: see 'kelpie actors dead-letters ls'", id,
		clip(number))
}

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

func (adm *admin) adminDeadLetters(ctx context.Context, in *api.DeadLettersRequest) (*api.DeadLettersReply, error) {
	of := api.ActorID{Namespace: in.Namespace}
	var after registry.DeadLetter
	var err error
	if in.Actor != "" {
		if of, err = api.ParseActorID(in.Actor); err != nil {
			return nil, err
		}
	}
	if in.After != "" {
		if after.Actor, after.Number, err = api.ParseLetter(in.After); err != nil {
			return nil, err
		}
	}
	letters, more, err := adm.registry.DeadLetters(ctx, of.Namespace, of.ID, after, in.Limit)
	if err != nil {
		return nil, wireError(err)
	}
	out := &api.DeadLettersReply{Letters: make([]api.DeadLetterRow, 0, len(letters))}
	for i := range letters {
		out.Letters = append(out.Letters, deadLetterRow(&letters[i]))
	}
	if more && len(letters) > 0 {
		out.Next = out.Letters[len(letters)-1].Letter
	}
	return out, nil
}

func deadLetterRow(d *registry.DeadLetter) api.DeadLetterRow {
	row := api.DeadLetterRow{
		Letter: api.FormatLetter(d.Actor, d.Number), Actor: d.Actor.String(), Kind: "send", Alarm: d.Alarm,
		Target: d.Target.String(), Method: d.Method,
		RequestBytes: d.Bytes, Error: d.Error, Code: d.Code, Attempts: d.Attempts, Due: rfc3339(time.UnixMilli(d.Due)),
		Died: rfc3339(time.UnixMilli(d.Died)),
	}
	if d.Alarm != "" {
		row.Kind = "alarm"
	}
	return row
}

func (adm *admin) adminDeadLetterRetry(ctx context.Context, in *api.DeadLetterRequest) (*api.DeadLetterReply, error) {
	id, number, err := api.ParseLetter(in.Letter)
	if err != nil {
		return nil, err
	}
	answer := env.NewFuture[[]byte](adm.env)
	c := &call{
		actor: id, method: api.MethodRetry, body: strconv.AppendUint(nil, number, 10),
		context:  func() context.Context { return ctx },
		deadline: adm.env.Monotonic() + defaultDeadline,
		finish:   func(body []byte, _ string, err error) { answer.Complete(body, err) },
	}
	if left, ok := env.Remaining(adm.env, ctx); ok {
		c.deadline = adm.env.Monotonic() + left
	}
	adm.router.route(c)
	if _, err := answer.Wait(ctx); err != nil {
		return nil, wireError(err)
	}
	adm.log.Info("dead letter taken back by an operator", "letter", in.Letter)
	return &api.DeadLetterReply{Letter: in.Letter}, nil
}

func (adm *admin) adminDeadLetterRm(ctx context.Context, in *api.DeadLetterRequest) (*api.DeadLetterReply, error) {
	id, number, err := api.ParseLetter(in.Letter)
	if err != nil {
		return nil, err
	}
	removed, err := adm.registry.RemoveDeadLetter(ctx, id, number)
	if err != nil {
		return nil, wireError(err)
	}
	if !removed {
		return nil, errNoLetter(id, strconv.FormatUint(number, 10))
	}
	adm.log.Info("dead letter removed by an operator", "letter", in.Letter)
	return &api.DeadLetterReply{Letter: in.Letter}, nil
}
