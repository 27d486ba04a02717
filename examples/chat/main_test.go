// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

func TestMembersComeAndGo(t *testing.T) {
	ctx, a := context.Background(), actortest.New(rooms)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wantMembers := func(want ...string) {
		t.Helper()
		if got, err := members.On(a, "tea").Call(ctx, actor.None{}); err != nil || !slices.Equal(got, want) {
			t.Errorf("members %q (%v), want %q", got, err, want)
		}
	}
	for _, name := range []string{"ann", "bob", "ann"} {
		_, err := join.On(a, "tea").Call(ctx, name)
		must(err)
	}
	wantMembers("ann", "bob")
	must(a.Advance(ctx, round))
	if number, err := say.On(a, "tea").Call(ctx, message{"ann", "hello?"}); err != nil || number != 2 {
		t.Errorf("line %d (%v), want 2", number, err)
	}
	must(a.Advance(ctx, round)) // bob has said nothing for a whole round
	wantMembers("ann")
	if _, err := say.On(a, "tea").Call(ctx, message{"bob", "late"}); actor.ErrorCode(err) != "stranger" {
		t.Errorf("bob speaks: %v", err)
	}
	_, err := leave.On(a, "tea").Call(ctx, "ann")
	must(err)
	must(a.Advance(ctx, time.Hour)) // the room has stopped looking
	wantMembers()
	lines, err := history.On(a, "tea").Call(ctx, 1)
	want := []line{{1, "", "bob has joined"}, {2, "ann", "hello?"}, {3, "", "bob has fallen silent"},
		{4, "", "ann has left"}}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("%+v (%v), want %+v", lines, err, want)
	}
}

// TestNoLineIsLost has clients talk in one room while nodes crash: each line that was acknowledged is in the history
// once, at its number.
func TestNoLineIsLost(t *testing.T) {
	simtest.Run(t, simtest.Config{Seeds: 5, Clients: 3, Calls: 20, For: 10 * time.Second, Program: func() sim.Program {
		said := make(map[int64]string)
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{rooms} },
			Client: func(c *sim.Client) {
				for c.More() {
					var number int64
					text := c.Unique()
					err := c.Surely(rooms.ID("tea"), say.Name(), message{c.Name(), text}, &number)
					if actor.ErrorCode(err) == "stranger" { // or fallen silent
						err = c.Surely(rooms.ID("tea"), join.Name(), c.Name(), nil)
					} else if err == nil {
						said[number] = text
					}
					if err != nil {
						c.Errorf("%v", err)
					}
				}
			},
			Check: func(c *sim.Client) {
				found := make(map[int64]string)
				for next := int64(0); ; {
					var lines []line
					if err := c.Surely(rooms.ID("tea"), history.Name(), next, &lines); err != nil || len(lines) == 0 {
						break
					}
					for _, l := range lines {
						if l.Number != next {
							c.Errorf("line %d where %d was next", l.Number, next)
						}
						found[l.Number] = l.Text
						next = l.Number + 1
					}
				}
				for number, text := range said {
					if found[number] != text {
						c.Errorf("line %d is %q, want %q", number, found[number], text)
					}
				}
				if len(said) == 0 {
					c.Errorf("nothing was said")
				}
			},
		}
	}})
}
