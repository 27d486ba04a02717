// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
)

func journal(id string) api.ActorID { return api.ActorID{Namespace: "journal", ID: id} }

func (c *cluster) must(id api.ActorID, method string, request, reply any) {
	c.Helper()
	if err := c.call("n1", time.Minute, id, method, request, reply); err != nil {
		c.Fatalf("%s of %s: %v", method, id, err)
	}
}

func TestActorsThatTakeTooMuchMemoryMakeRoom(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.tune = func(config *node.Config) { config.MemoryLimit = 1_000_000 }
		c.startAll(1)
		for i := range 40 {
			c.must(journal(fmt.Sprint(i)), "fill", 30_000, nil) // 120 kB each, with its records
		}
		c.sleep(time.Second)
		if n := c.nodes["n1"].Load().Activations; n < 6 || n > 12 {
			c.Fatalf("%d activations in 1 MB, of 100 kB each", n)
		}
		if row := c.owner("n1", journal("39")); row.State != "owned" {
			c.Fatalf("the newest has gone: %+v", row)
		}
		for i := range 40 { // those that have gone come back
			var size int
			if c.must(journal(fmt.Sprint(i)), "size", nil, &size); size != 30_000 {
				c.Fatalf("actor %d has %d bytes", i, size)
			}
		}
		// Those that are there may grow, too.
		for i := range 8 {
			c.must(journal(fmt.Sprint(i)), "fill", 1, nil)
		}
		c.sleep(time.Second)
		for i := range 8 {
			c.must(journal(fmt.Sprint(i)), "fill", 200_000, nil)
		}
		c.sleep(time.Second)
		if n := c.nodes["n1"].Load().Activations; n > 2 {
			c.Fatalf("%d activations in 1 MB, of 600 kB each", n)
		}
	})
}

func TestWhatWasReadOfTheSpaceIsCached(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		c.startAll(1)
		c.must(journal("j"), "put", [2]string{"a", "1"}, nil)
		value := func(key, want string, reads int) {
			c.Helper()
			var got string
			before := c.store.stateReads
			if c.must(journal("j"), "value", key, &got); got != want || c.store.stateReads-before != reads {
				c.Fatalf("%s is %q after %d reads of the store, want %q after %d", key, got, c.store.stateReads-before,
					want, reads)
			}
		}
		value("a", "1", 0) // written just now
		value("b", "", 1)
		value("b", "", 0) // known not to be there
		c.must(journal("j"), "put", [2]string{"b", "2"}, nil)
		value("b", "2", 0)
		c.must(journal("j"), "delete", "b", nil)
		value("b", "", 0)
		wantCode(c, c.call("n1", time.Minute, journal("j"), "put", [2]string{"a", "fail"}, nil), api.CodeApplication)
		value("a", "1", 0)
		for i := range 15 { // more than is cached
			c.must(journal("j"), "put", [2]string{fmt.Sprint(i), strings.Repeat("x", 90_000)}, nil)
		}
		value("a", "1", 1)
		value("a", "1", 0)
		if _, err := admin[api.ClaimBreakRequest, api.ClaimBreakReply](c, "n1", api.MethodClaimBreak,
			&api.ClaimBreakRequest{Actor: "journal/j"}); err != nil {
			c.Fatal(err)
		}
		value("a", "1", 1)
		c.must(journal("j"), api.MethodDestroy, nil, nil)
		value("a", "", 1)
	})
}

// Three versions of the profile of a user.
type (
	profile0 struct {
		Name  string `json:"name"`
		Phone int    `json:"phone"`
	}
	profile1 struct {
		FullName string `json:"full_name"`
		Phone    int    `json:"phone"`
	}
	profile2 struct {
		FullName string   `json:"full_name"`
		Phones   []string `json:"phones"`
	}
)

func profileKinds() (v0, v1, v2 actor.Kind) {
	v0 = actor.New[profile0]("profile").
		With(actor.WriteFunc("set", func(_ *actor.Context, p *profile0, to profile0) (bool, error) {
			*p = to
			return true, nil
		})).
		With(actor.ReadFunc("show", func(_ *actor.Context, p *profile0, _ struct{}) (profile0, error) {
			return *p, nil
		}))
	v1 = actor.New[profile1]("profile").Renamed("name", "full_name").
		With(actor.WriteFunc("set_phone", func(_ *actor.Context, p *profile1, n int) (bool, error) {
			p.Phone = n
			return true, nil
		})).
		With(actor.ReadFunc("show", func(_ *actor.Context, p *profile1, _ struct{}) (profile1, error) {
			return *p, nil
		}))
	v2 = actor.New[profile2]("profile").Renamed("name", "full_name").
		WithVersion(1, func(old actor.Stored, p *profile2) error {
			var was profile1
			if err := old.Decode(&was); err != nil {
				return err
			}
			if was.Phone < 0 {
				return actor.Errorf("phone", "%d is no number", was.Phone)
			}
			p.FullName, p.Phones = was.FullName, []string{fmt.Sprint(was.Phone)}
			return nil
		}).
		With(actor.WriteFunc("add_phone", func(_ *actor.Context, p *profile2, n string) (bool, error) {
			p.Phones = append(p.Phones, n)
			return true, nil
		})).
		With(actor.ReadFunc("show", func(_ *actor.Context, p *profile2, _ struct{}) (profile2, error) {
			return *p, nil
		}))
	return v0, v1, v2
}

func profile(id string) api.ActorID { return api.ActorID{Namespace: "profile", ID: id} }

func TestAStateEvolves(t *testing.T) {
	simulate(t, 4, func(c *cluster) {
		v0, v1, v2 := profileKinds()
		host := func(k actor.Kind) {
			c.Helper()
			if c.nodes["n1"] != nil {
				c.crash("n1")
			}
			c.kinds = []actor.Kind{k}
			c.start("n1")
		}
		show := func(id, want string) {
			c.Helper()
			var got map[string]any
			if c.must(profile(id), "show", nil, &got); fmt.Sprint(got) != want {
				c.Fatalf("%s is %v, want %s", id, got, want)
			}
		}
		host(v0)
		for i, id := range []string{"never-again", "old", "ill"} {
			c.must(profile(id), "set", profile0{id, 10 - 6*i}, nil)
		}
		c.must(profile("ill"), "set", profile0{"ill", -1}, nil)
		host(v1)
		show("old", "map[full_name:old phone:4]")
		c.must(profile("old"), "set_phone", 7, nil)
		host(v2)
		show("never-again", "map[full_name:never-again phones:[10]]")
		show("old", "map[full_name:old phones:[7]]")
		wantCode(c, c.call("n1", time.Minute, profile("ill"), "add_phone", "1", nil), api.CodeCorruptState)
		host(v1) // back again: nothing was written
		show("old", "map[full_name:old phone:7]")
		show("ill", "map[full_name:ill phone:-1]")
		host(v2)
		c.must(profile("old"), "add_phone", "8", nil)
		host(v2)
		show("old", "map[full_name:old phones:[7 8]]")
		host(v1) // too late
		err := c.call("n1", time.Minute, profile("old"), "set_phone", 1, nil)
		wantCode(c, err, api.CodeCorruptState)
		if !strings.Contains(err.Error(), "stored by version 1 of the kind, and this program knows versions up to 0") {
			c.Fatal(err)
		}
		host(v2)
		show("old", "map[full_name:old phones:[7 8]]")
	})
}
