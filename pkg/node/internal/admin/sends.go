// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"math"
	"time"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// sendOverdue is after how long a message that is not delivered is overdue: it has failed, or can't be delivered.
const sendOverdue = time.Minute

// ServeSends lists a page of messages that are not delivered yet.
func (adm *Service) ServeSends(ctx context.Context, in *api.SendsRequest) (*api.SendsReply, error) {
	of, err := newScheduledOf(in.Actor, in.Namespace, in.Prefix)
	if err != nil {
		return nil, err
	}
	var after api.ActorID
	var afterNumber uint64
	if in.After != "" {
		if after, afterNumber, err = api.ParseLetter(in.After); err != nil {
			return nil, err
		}
	}
	limit := in.Limit
	if limit <= 0 || limit > scheduledRowsMax {
		limit = scheduledRowsMax
	}
	out := &api.SendsReply{Sends: []api.SendRow{}}
	now := adm.Env.Now()
	within := in.After != "" && afterNumber < math.MaxInt64
	next, more, err := adm.eachScheduled(ctx, of, after, within, statekeys.Outbox,
		func(part registry.Scheduled) bool {
			for _, e := range part.Entries {
				number := sendNumber(e)
				if number == 0 || part.Actor == after && number <= afterNumber {
					continue
				}
				row := sendRow(part.Actor, number, e, now)
				if in.Target != "" && row.Target != in.Target ||
					in.Overdue && row.AgeMillis < sendOverdue.Milliseconds() {
					continue
				}
				if len(out.Sends) == limit {
					out.Next = out.Sends[limit-1].Send
					return true
				}
				out.Sends = append(out.Sends, row)
			}
			return false
		})
	if err != nil {
		return nil, err
	}
	if more && out.Next == "" {
		out.Next = api.FormatLetter(next, math.MaxInt64)
	}
	return out, nil
}

// sendNumber returns the number of the message that an entry of an actor's state has, 0 if it has none.
func sendNumber(e registry.Entry) uint64 {
	t, err := tuple.Unpack(e.Key)
	if err != nil || len(t) != 2 {
		return 0
	}
	number, _ := t[1].(int64)
	return uint64(max(number, 0))
}

func sendRow(id api.ActorID, number uint64, e registry.Entry, now time.Time) api.SendRow {
	row := api.SendRow{Send: api.FormatLetter(id, number), Actor: id.String()}
	m, err := state.DecodeMessage(e)
	if err != nil {
		row.Error = err.Error()
		return row
	}
	row.Target, row.Method, row.Attempts, row.Error = m.Target.String(), m.Method, m.Attempts, m.Error
	row.Sent, row.AgeMillis = telemetry.RFC3339(time.UnixMilli(m.Since)), max(now.UnixMilli()-m.Since, 0)
	row.RequestBytes = len(m.Body)
	if m.Retry > now.UnixMilli() {
		row.Next = telemetry.RFC3339(time.UnixMilli(m.Retry))
	}
	return row
}

// ServeSendDrop has an actor drop messages that are not delivered yet. It blocks until that is committed.
func (adm *Service) ServeSendDrop(ctx context.Context, in *api.SendDropRequest) (*api.SendDropReply, error) {
	id, err := api.ParseActorID(in.Actor)
	if err != nil {
		return nil, err
	}
	if in.Target != "" {
		if _, err := api.ParseActorID(in.Target); err != nil {
			return nil, err
		}
	}
	body, err := codec.Marshal(*in)
	if err != nil {
		return nil, err
	}
	answer, err := adm.askActor(ctx, id, api.MethodDropSends, body)
	if err != nil {
		return nil, err
	}
	out := new(api.SendDropReply)
	if err := codec.Unmarshal(answer, out); err != nil {
		return nil, api.Errorf(api.CodeInternal, "actor %s: what it says of the messages that it dropped can't be "+
			"read: %v", id, err)
	}
	adm.Log.Info("messages dropped by an operator", "actor", in.Actor, "number", in.Number, "target", in.Target,
		"dropped", out.Dropped, "unclear", out.Unclear, "delivered", out.Delivered)
	return out, nil
}
