// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

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
