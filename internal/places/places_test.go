// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package places_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/internal/places"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func id(s string) api.ActorID { return api.ActorID{Namespace: "n", ID: s} }

func want(t *testing.T, p *places.Places, actor, addr string) {
	t.Helper()
	if got, ok := p.Get(id(actor)); got != addr || ok != (addr != "") {
		t.Errorf("%s is at %q (%v), want %q", actor, got, ok, addr)
	}
}

func TestTheLeastRecentlyUsedIsForgotten(t *testing.T) {
	p := places.New(2)
	p.Put(id("a"), "1")
	p.Put(id("b"), "1")
	want(t, p, "a", "1") // used
	p.Put(id("c"), "2")
	want(t, p, "b", "")
	p.Put(id("a"), "3") // known: nobody has to go
	want(t, p, "c", "2")
	want(t, p, "a", "3")
	if p.Len() != 2 {
		t.Errorf("%d actors in places for 2", p.Len())
	}
}

func TestOnlyWhatIsStillBelievedIsForgotten(t *testing.T) {
	p := places.New(10)
	p.Put(id("a"), "1")
	p.Put(id("b"), "2")
	p.Put(id("c"), "1")
	p.Remove(id("a"), "2")
	p.Remove(id("unheard"), "1")
	want(t, p, "a", "1")
	p.Remove(id("a"), "1")
	want(t, p, "a", "")
	p.Put(id("a"), "1")
	p.RemoveAll("1")
	want(t, p, "a", "")
	want(t, p, "b", "2")
	want(t, p, "c", "")
}
