// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// wiped is the namespace of lists that are deleted now and then.
const wiped = "wiped"

// wipedKind are lists as a process hosts them. OnActivate begins each, also after it was deleted.
func (l *life) wipedKind() actor.Kind {
	begun := func(ctx *actor.Context, s *listState) {
		if s.Begun == 0 {
			l.violate("initialised", "%s runs a call on %s, whose OnActivate has not run", l.name, ctx.Self())
		}
	}
	kind := actor.New[listState](wiped).
		OnActivate(func(_ *actor.Context, s *listState) error {
			s.Begun++
			return nil
		}).
		With(actor.WriteFunc("append", func(ctx *actor.Context, s *listState, item string) (int64, error) {
			begun(ctx, s)
			s.Items = append(s.Items, item)
			return int64(len(s.Items)), nil
		})).
		With(actor.ReadFunc("items", func(ctx *actor.Context, s *listState, _ struct{}) ([]string, error) {
			begun(ctx, s)
			return slices.Clone(s.Items), nil
		}))
	kind.Spec().IdleTimeout, kind.Spec().Placement = l.IdleTimeout, l.Placement
	return kind
}

func wipeWork(k *worker) {
	one := func() {
		switch id := k.target("wipe"); k.random.IntN(6) {
		case 0:
			k.wipe(id)
		case 1, 2:
			call[[]string](k, id, "items", nil)
		default:
			surely[int64](k, id, "append", k.unique())
		}
	}
	for k.more() {
		k.made += 2 // or there are too many orders to try
		if n := 3; k.random.IntN(4) == 0 {
			k.made += 3 * (n - 1)
			k.together(n, one)
		} else {
			one()
		}
	}
}

// wipe deletes an actor.
func (k *worker) wipe(id api.ActorID) {
	ctx, cancel := env.WithTimeout(k.env, k.ctx, k.callTimeout())
	defer cancel()
	op := k.history.begin(k.now(), k.name, id, "rm", nil)
	_, err := k.client.CallRaw(ctx, id, api.MethodDestroy, nil)
	k.history.end(k.now(), op, nil, err)
	k.events.op(op)
}
