// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// ServeDeadLetters lists a page of dead letters.
func (adm *Service) ServeDeadLetters(ctx context.Context, in *api.DeadLettersRequest) (*api.DeadLettersReply, error) {
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
	letters, more, err := adm.Registry.DeadLetters(ctx, of.Namespace, of.ID, after, in.Limit)
	if err != nil {
		return nil, call.WireError(err)
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
		RequestBytes: d.Bytes, Error: d.Error, Code: d.Code, Attempts: d.Attempts,
		Due:  telemetry.RFC3339(time.UnixMilli(d.Due)),
		Died: telemetry.RFC3339(time.UnixMilli(d.Died)),
	}
	if d.Alarm != "" {
		row.Kind = "alarm"
	}
	return row
}

// ServeDeadLetterRetry has the sender of a dead letter try it again. It blocks until that is committed.
func (adm *Service) ServeDeadLetterRetry(ctx context.Context, in *api.DeadLetterRequest) (*api.DeadLetterReply, error) {
	id, number, err := api.ParseLetter(in.Letter)
	if err != nil {
		return nil, err
	}
	if _, err := adm.askActor(ctx, id, api.MethodRetry, strconv.AppendUint(nil, number, 10)); err != nil {
		return nil, err
	}
	adm.Log.Info("dead letter taken back by an operator", "letter", in.Letter)
	return &api.DeadLetterReply{Letter: in.Letter}, nil
}

// ServeDeadLetterRm deletes a dead letter.
func (adm *Service) ServeDeadLetterRm(ctx context.Context, in *api.DeadLetterRequest) (*api.DeadLetterReply, error) {
	id, number, err := api.ParseLetter(in.Letter)
	if err != nil {
		return nil, err
	}
	removed, err := adm.Registry.RemoveDeadLetter(ctx, id, number)
	if err != nil {
		return nil, call.WireError(err)
	}
	if !removed {
		return nil, activation.ErrNoLetter(id, strconv.FormatUint(number, 10))
	}
	adm.Log.Info("dead letter removed by an operator", "letter", in.Letter)
	return &api.DeadLetterReply{Letter: in.Letter}, nil
}
