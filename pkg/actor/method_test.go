// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// typed is a kind whose methods are called by reference.
var (
	typed    = actor.New[state]("typed")
	typedAdd = actor.Write(typed, "add", func(_ *actor.Context, s *state, n int64) (int64, error) {
		s.N += n
		return s.N, nil
	})
	typedGet = actor.Read(typed, "get", func(_ *actor.Context, s *state, _ actor.None) (int64, error) {
		return s.N, nil
	})
)

// The desk has its references called in a handler.
var (
	desks = actor.New[state]("desk")
	start = actor.Write(desks, "start", func(ctx *actor.Context, s *state, n int64) (int64, error) {
		if err := typedAdd.Send(ctx, "other", n); err != nil {
			return 0, err
		}
		return typedAdd.Call(ctx, "other", n)
	})
	note = actor.Write(desks, "note", func(_ *actor.Context, s *state, n int64) (int64, error) {
		s.N += n
		return s.N, nil
	})
	later = actor.Write(desks, "later", func(ctx *actor.Context, _ *state, a actor.Alarm) (actor.None, error) {
		return actor.None{}, note.Alarm(ctx, "later", a, 7)
	})
	noted = actor.Read(desks, "noted", func(_ *actor.Context, s *state, _ actor.None) (int64, error) {
		return s.N, nil
	})
	wrong = actor.Write(desks, "wrong", func(ctx *actor.Context, _ *state, _ actor.None) (actor.None, error) {
		stranger := actor.Named[int64, int64]("stranger", "add")
		return actor.None{}, stranger.Alarm(ctx, "later", actor.Alarm{After: time.Second}, 7)
	})
)

func TestAReferenceCallsThroughACaller(t *testing.T) {
	ctx, m := context.Background(), actortest.New(typed)
	for want := int64(3); want <= 6; want += 3 {
		if n, err := typedAdd.On(m, "x").Call(ctx, 3); err != nil || n != want {
			t.Errorf("add: %d, %v, want %d", n, err, want)
		}
	}
	if n, err := typedGet.On(m, "x").Call(ctx, actor.None{}); err != nil || n != 6 {
		t.Errorf("get: %d, %v", n, err)
	}
	if n, err := typedGet.On(m, "y").Call(ctx, actor.None{}); err != nil || n != 0 {
		t.Errorf("get of another actor: %d, %v", n, err)
	}
	add := actor.Named[int64, string]("typed", "add")
	if _, err := add.On(m, "x").Call(ctx, 1); api.CodeOf(err) != api.CodeInvalidArgument {
		t.Errorf("a reply of another type: %v", err)
	}
	if typedAdd.ID("x") != typed.ID("x") || typedAdd.Name() != "add" ||
		typedAdd != actor.Named[int64, int64]("typed", "add") {
		t.Errorf("%v names another method", typedAdd)
	}
}

func TestAReferenceCallsInAHandler(t *testing.T) {
	ctx, a := context.Background(), actortest.New(typed, desks)
	if n, err := start.On(a, "me").Call(ctx, 4); err != nil || n != 4 {
		t.Errorf("call: %d, %v", n, err)
	}
	if err := a.Deliver(ctx); err != nil {
		t.Error(err)
	}
	if n, err := typedGet.On(a, "other").Call(ctx, actor.None{}); err != nil || n != 8 {
		t.Errorf("called and sent: %d, %v, want 8", n, err)
	}
	if _, err := later.On(a, "me").Call(ctx, actor.Alarm{After: time.Second}); err != nil {
		t.Error(err)
	}
	for _, step := range []struct {
		by   time.Duration
		want int64
	}{{999 * time.Millisecond, 0}, {time.Millisecond, 7}, {time.Hour, 7}} {
		if err := a.Advance(ctx, step.by); err != nil {
			t.Error(err)
		}
		if n, err := noted.On(a, "me").Call(ctx, actor.None{}); err != nil || n != step.want {
			t.Errorf("%v later: %d, %v, want %d", step.by, n, err, step.want)
		}
	}
	for what, err := range map[string]error{
		"of another kind": second(wrong.On(a, "me").Call(ctx, actor.None{})),
		"method twice":    second(later.On(a, "me").Call(ctx, actor.Alarm{After: time.Second, Method: "get"})),
		"request twice":   second(later.On(a, "me").Call(ctx, actor.Alarm{After: time.Second, Request: 8})),
	} {
		if api.CodeOf(err) != api.CodeInvalidArgument {
			t.Errorf("alarm %s: %v", what, err)
		}
	}
}

func withKey(o *api.CallOptions) { o.IdempotencyKey = "once" }

// An idempotency key is the actor's: others have their own of that name.
func TestAKeyIsForOneActorAndOneRequest(t *testing.T) {
	ctx, a := context.Background(), actortest.New(typed)
	for _, id := range []string{"x", "y", "x", "y"} {
		if message, err := typedAdd.On(a, id).Send(ctx, 3, withKey); err != nil || message != "once" {
			t.Errorf("send to %s: %q, %v", id, message, err)
		}
	}
	if err := a.Deliver(ctx); err != nil {
		t.Error(err)
	}
	for range 2 {
		if n, err := typedAdd.On(a, "z").Call(ctx, 3, withKey); err != nil || n != 3 {
			t.Errorf("call of z: %d, %v", n, err)
		}
	}
	for _, id := range []string{"x", "y", "z"} {
		if n, err := typedGet.On(a, id).Call(ctx, actor.None{}, withKey); err != nil || n != 3 {
			t.Errorf("%s has %d, %v, want 3", id, n, err)
		}
	}
	for what, err := range map[string]error{
		"another message":     second(typedAdd.On(a, "x").Send(ctx, 4, withKey)),
		"a call":              second(typedAdd.On(a, "x").Call(ctx, 3, withKey)),
		"a call of something": second(typedAdd.On(a, "z").Call(ctx, 4, withKey)),
	} {
		if api.CodeOf(err) != api.CodeFailedPrecondition {
			t.Errorf("%s under a key that was used: %v", what, err)
		}
	}
}

func TestAnActorThatCallsItselfWhileItIsActivatedIsADeadlock(t *testing.T) {
	echoes := actor.New[state]("echo")
	get := actor.Read(echoes, "get", func(_ *actor.Context, s *state, _ actor.None) (int64, error) { return s.N, nil })
	echoes.OnActivate(func(ctx *actor.Context, s *state) error {
		_, err := get.Call(ctx, ctx.Self().ID, actor.None{})
		if api.CodeOf(err) == api.CodeDeadlock {
			s.N, err = 1, nil
		}
		return err
	})
	if n, err := get.On(actortest.New(echoes), "x").Call(context.Background(), actor.None{}); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAMethodIsDeclaredOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	actor.Read(typed, "add", func(*actor.Context, *state, actor.None) (int64, error) { return 0, nil })
}
