// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
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

// diary is an Agenda that takes notes.
type diary struct {
	sent   []string
	alarms []actor.PlannedAlarm
}

func (d *diary) Clock() time.Time                    { return time.UnixMilli(5000) }
func (d *diary) SetAlarm(a actor.PlannedAlarm) error { d.alarms = append(d.alarms, a); return nil }
func (d *diary) CancelAlarm(string) (bool, error)    { return false, nil }
func (d *diary) Alarms() []actor.AlarmInfo           { return nil }
func (d *diary) Send(id actor.ID, m string, _ []byte) error {
	d.sent = append(d.sent, id.String()+" "+m)
	return nil
}

// memory is a Caller that runs the methods of a kind on states of its own.
type memory struct {
	spec   *actor.Spec
	states map[actor.ID]any
	asked  api.CallOptions
}

func (m *memory) CallRaw(ctx context.Context, id actor.ID, method string, in []byte, opts ...api.CallOption) (
	[]byte, error) {
	for _, opt := range opts {
		opt(&m.asked)
	}
	if m.states[id] == nil {
		m.states[id] = m.spec.NewState()
	}
	run, ok := m.spec.Methods[method]
	if !ok {
		return nil, api.Errorf(api.CodeInvalidArgument, "no method %s", method)
	}
	return run.Run(actor.NewContext(ctx, id, nil), m.states[id], in)
}

func newMemory(k actor.Kind) *memory { return &memory{spec: k.Spec(), states: make(map[actor.ID]any)} }

func TestAReferenceCallsThroughACaller(t *testing.T) {
	ctx, m := context.Background(), newMemory(typed)
	stale := func(o *api.CallOptions) { o.Stale = true }
	for want := int64(3); want <= 6; want += 3 {
		if n, err := typedAdd.On(m, "x").Call(ctx, 3); err != nil || n != want {
			t.Errorf("add: %d, %v, want %d", n, err, want)
		}
	}
	if n, err := typedGet.On(m, "x").Call(ctx, actor.None{}, stale); err != nil || n != 6 || !m.asked.Stale {
		t.Errorf("get: %d, %v, stale %t", n, err, m.asked.Stale)
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
	d, m := new(diary), newMemory(typed)
	ctx := actor.NewContext(context.Background(), typed.ID("me"), nil).WithTurn(actor.Turn{
		Agenda: d,
		Ask: func(id actor.ID, method string, in []byte) ([]byte, error) {
			return m.CallRaw(context.Background(), id, method, in)
		},
	})
	if n, err := typedAdd.Call(ctx, "other", 4); err != nil || n != 4 {
		t.Errorf("call: %d, %v", n, err)
	}
	if err := typedAdd.Send(ctx, "other", 4); err != nil || len(d.sent) != 1 || d.sent[0] != "typed/other add" {
		t.Errorf("send: %q, %v", d.sent, err)
	}
	if err := typedAdd.Alarm(ctx, "later", actor.Alarm{After: time.Second}, 7); err != nil || len(d.alarms) != 1 {
		t.Fatalf("alarm: %+v, %v", d.alarms, err)
	}
	set, n := d.alarms[0], 0
	err := actor.Unmarshal(set.Request, &n)
	if err != nil || set.Method != "add" || n != 7 || !set.Due.Equal(time.UnixMilli(6000)) {
		t.Errorf("set %+v with request %d (%v)", set, n, err)
	}
	stranger := actor.Named[int64, int64]("stranger", "add")
	for what, err := range map[string]error{
		"of another kind": stranger.Alarm(ctx, "later", actor.Alarm{After: time.Second}, 7),
		"method twice":    typedAdd.Alarm(ctx, "later", actor.Alarm{After: time.Second, Method: "get"}, 7),
		"request twice":   typedAdd.Alarm(ctx, "later", actor.Alarm{After: time.Second, Request: 8}, 7),
	} {
		if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.CodeInvalidArgument {
			t.Errorf("alarm %s: %v", what, err)
		}
	}
}

func TestAMethodIsDeclaredOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	actor.Read(typed, "add", func(*actor.Context, *state, actor.None) (int64, error) { return 0, nil })
}
