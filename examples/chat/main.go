// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	// round is how often a room looks who is still there. Who was silent for a whole round leaves.
	round = 30 * time.Second
	// pageMax is how many lines one call reads at most.
	pageMax = 100
)

// room is the state of one chat room. The lines are in its key-value space: there is no end to them.
type room struct {
	Members map[string]int `json:"members"` // how many rounds each has been silent
	Lines   int64          `json:"lines"`   // how many there are
}

// line is one line of a room's history.
type line struct {
	Number int64  `json:"number"`
	From   string `json:"from"` // "" for the room itself
	Text   string `json:"text"`
}

// message is what a member says.
type message struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// rooms is every actor room/NAME.
var rooms = actor.New[room]("room")

// join lets a member in, and keeps one in that is there already.
var join = actor.Write(rooms, "join", func(ctx *actor.Context, r *room, name string) (actor.None, error) {
	if name == "" {
		return actor.None{}, actor.Errorf("name", "a member needs a name")
	}
	_, there := r.Members[name]
	if len(r.Members) == 0 {
		r.Members = make(map[string]int)
		if err := look.Alarm(ctx, "look", actor.Alarm{Every: round}, actor.None{}); err != nil {
			return actor.None{}, err
		}
	}
	r.Members[name] = 0
	if there {
		return actor.None{}, nil
	}
	_, err := r.write(ctx, "", name+" has joined")
	return actor.None{}, err
})

// leave lets a member go. It does nothing to one who is not there.
var leave = actor.Write(rooms, "leave", func(ctx *actor.Context, r *room, name string) (actor.None, error) {
	return actor.None{}, r.drop(ctx, name, "has left")
})

// say adds a line, and returns its number.
var say = actor.Write(rooms, "say", func(ctx *actor.Context, r *room, m message) (int64, error) {
	if _, there := r.Members[m.From]; !there {
		return 0, actor.Errorf("stranger", "%q is not in the room: join first", m.From)
	}
	r.Members[m.From] = 0
	return r.write(ctx, m.From, m.Text)
})

// look is run by an alarm, once a round, for as long as somebody is there.
var look = actor.Write(rooms, "look", func(ctx *actor.Context, r *room, _ actor.None) (actor.None, error) {
	for _, name := range slices.Sorted(maps.Keys(r.Members)) {
		if r.Members[name]++; r.Members[name] > 1 {
			if err := r.drop(ctx, name, "has fallen silent"); err != nil {
				return actor.None{}, err
			}
		}
	}
	return actor.None{}, nil
})

// members lists who is there.
var members = actor.Read(rooms, "members", func(_ *actor.Context, r *room, _ actor.None) ([]string, error) {
	return slices.Sorted(maps.Keys(r.Members)), nil
})

// history returns lines from a number on: a reader asks for the ones after the last that it has.
var history = actor.Read(rooms, "history", func(ctx *actor.Context, _ *room, from int64) ([]line, error) {
	pairs, err := ctx.Range(lineKey(from), "line/~", pageMax)
	if err != nil {
		return nil, err
	}
	lines := make([]line, len(pairs))
	for i, p := range pairs {
		if err := p.Decode(&lines[i]); err != nil {
			return nil, err
		}
	}
	return lines, nil
})

// write adds a line to the history, and returns its number.
func (r *room) write(ctx *actor.Context, from, text string) (int64, error) {
	l := line{Number: r.Lines, From: from, Text: text}
	r.Lines++
	return l.Number, ctx.Set(lineKey(l.Number), l)
}

// drop lets a member go, and stops looking when that was the last one.
func (r *room) drop(ctx *actor.Context, name, why string) error {
	if _, there := r.Members[name]; !there {
		return nil
	}
	delete(r.Members, name)
	if len(r.Members) == 0 {
		if _, err := ctx.CancelAlarm("look"); err != nil {
			return err
		}
	}
	_, err := r.write(ctx, "", name+" "+why)
	return err
}

// lineKey sorts lines by their numbers.
func lineKey(number int64) string { return fmt.Sprintf("line/%016d", number) }

func main() { host.Main(rooms) }
