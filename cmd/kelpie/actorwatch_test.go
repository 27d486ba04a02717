// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// TestActorWatch shows that changes of owners and states are printed, each once, and nothing else.
func TestActorWatch(t *testing.T) {
	owned := func(id, node string, token uint64) api.ActorRow {
		return api.ActorRow{Actor: "counter/" + id, Node: node, State: api.ActorOwned, Token: token}
	}
	looks := [][]api.ActorRow{
		{owned("a", "n1", 1), owned("b", "n1", 1), owned("c", "n1", 1)},
		{owned("a", "n1", 1), owned("b", "n1", 1), owned("c", "n1", 1)},
		{owned("a", "n2", 2), owned("b", "n1", 1), owned("d", "n1", 1)},
		{owned("a", "n2", 2), {Actor: "counter/b", Node: "n1", State: api.ActorOrphaned, Token: 1},
			owned("d", "n1", 3)},
	}
	term := terminal{signals: make(chan os.Signal, 1)}
	looked := 0
	addr := fakeNode(t, func(mux *rpc.Mux) {
		rpc.HandleTyped(mux, api.MethodActors,
			func(_ context.Context, req *api.ActorsRequest) (*api.ActorsReply, error) {
				if req.Namespace != "counter" {
					t.Errorf("asked for %+v", req)
				}
				look := looks[min(looked, len(looks)-1)]
				if looked++; looked == len(looks)+1 {
					term.signals <- os.Interrupt
				}
				return &api.ActorsReply{Actors: look}, nil
			})
		rpc.HandleTyped(mux, api.MethodActorGet,
			func(_ context.Context, req *api.ActorGetRequest) (*api.ActorRow, error) {
				return &api.ActorRow{Actor: req.Actor, State: api.ActorReleased, Token: 1}, nil
			})
	})
	r := term.run("actors", "watch", "--namespace", "counter", "--interval", "50ms", "-o", "json", "--addr", addr)
	if r.code != cli.ExitOK || r.stderr != "watching 3 actors\n" {
		t.Errorf("%+v", r)
	}
	var got []string
	for line := range strings.Lines(r.stdout) {
		var c actorChange
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join([]string{c.Actor, c.BeforeNode, c.BeforeState, c.Node, c.State}, " "))
	}
	want := []string{
		"counter/a n1 owned n2 owned", "counter/c n1 owned  released", "counter/d  unknown n1 owned",
		"counter/b n1 owned n1 orphaned", "counter/d n1 owned n1 owned",
	}
	if !slices.Equal(got, want) {
		t.Errorf("changes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTooManyToWatch shows that no more is kept in memory than is bearable.
func TestTooManyToWatch(t *testing.T) {
	addr := manyActors(t, watchedMax+1, func(int) {})
	terminal{}.run("actors", "watch", "--addr", addr).wants(t, cli.ExitRefused, "more than 100000 actors", "--prefix")
}
