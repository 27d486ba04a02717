// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestPatches shows what changes of settings come to, and which are refused.
func TestPatches(t *testing.T) {
	set := func(p Placement) NamespacePatch { return NamespacePatch{Placement: &p} }
	prefer := func(n NamespacePatch, s string) NamespacePatch { n.Prefer = &s; return n }
	fallback := func(n NamespacePatch, p Placement) NamespacePatch { n.Fallback = &p; return n }
	idle := func(d time.Duration) NamespacePatch { return NamespacePatch{IdleTimeout: &d} }
	plain := Namespace{Name: "counter", Placement: PlaceLeastLoaded, Consistency: "linearizable",
		IdleTimeout: time.Minute}
	with := func(p Placement, prefer string, fallback Placement) Namespace {
		ns := plain
		ns.Placement, ns.Prefer, ns.Fallback = p, prefer, fallback
		return ns
	}
	near := with(PlaceAffinity, "disk=ssd", PlaceSpread)
	longer := plain
	longer.IdleTimeout = time.Hour
	for _, c := range []struct {
		name  string
		from  Namespace
		patch NamespacePatch
		want  Namespace
		says  string // the error's
	}{
		{name: "nothing", from: near, patch: NamespacePatch{}, want: near},
		{name: "a strategy", from: plain, patch: set(PlaceSpread), want: with(PlaceSpread, "", "")},
		{name: "affinity", from: plain, patch: prefer(set(PlaceAffinity), "zone=eu"),
			want: with(PlaceAffinity, "zone=eu", PlaceLeastLoaded)},
		{name: "another preference", from: near, patch: prefer(NamespacePatch{}, "node=n1"),
			want: with(PlaceAffinity, "node=n1", PlaceSpread)},
		{name: "another fallback", from: near, patch: fallback(NamespacePatch{}, PlaceRandom),
			want: with(PlaceAffinity, "disk=ssd", PlaceRandom)},
		{name: "a preference has gone with its strategy", from: near, patch: set(PlaceLocalFirst),
			want: with(PlaceLocalFirst, "", PlaceSpread)},
		{name: "and a fallback", from: near, patch: set(PlaceRandom), want: with(PlaceRandom, "", "")},
		{name: "an idle timeout", from: plain, patch: idle(time.Hour), want: longer},
		{name: "a short idle timeout", from: plain, patch: idle(99 * time.Millisecond),
			says: "--idle-timeout 99ms: must be at least 100ms"},
		{name: "affinity to nothing", from: plain, patch: set(PlaceAffinity), says: "needs to know what to prefer"},
		{name: "a preference of no form", from: plain, patch: prefer(set(PlaceAffinity), "n1"), says: "KEY=VALUE"},
		{name: "a preference of a strategy without", from: plain, patch: prefer(NamespacePatch{}, "node=n1"),
			says: "placement least-loaded takes no preference"},
		{name: "a fallback of a strategy without", from: plain, patch: fallback(set(PlaceSpread), PlaceRandom),
			says: "placement spread takes no fallback"},
		{name: "a fallback that falls back", from: near, patch: fallback(NamespacePatch{}, PlaceLocalFirst),
			says: `fallback "local-first": must be one of least-loaded, random, round-robin, rendezvous, spread`},
		{name: "an unknown strategy", from: plain, patch: set("moon-phase"),
			says: `placement "moon-phase": must be one of least-loaded, random, round-robin, affinity, local-first, rendezvous, spread`},
	} {
		got, err := c.patch.Apply(c.from)
		switch {
		case c.says != "" && (api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want an error that says %s", c.name, err, c.says)
		case c.says == "" && (err != nil || got != c.want):
			t.Errorf("%s: %+v (%v), want %+v", c.name, got, err, c.want)
		}
	}
}

func TestSettingsAreChangedInOneTransaction(t *testing.T) {
	both(t, func(t *fixture) {
		_, err := t.Join(t.ctx, JoinSpec{
			Node:       NodeInfo{ID: "n1", Address: "n1:1", Zone: "eu", Labels: []string{"disk=ssd"}},
			Namespaces: []Namespace{{Name: "counter", Placement: PlaceLeastLoaded, IdleTimeout: time.Minute}},
		})
		if err != nil {
			t.Fatal(err)
		}
		view := func() *View {
			v, err := t.View(t.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		first := view()
		if n, _ := first.Node("n1"); n.Zone != "eu" || len(n.Labels) != 1 || n.Labels[0] != "disk=ssd" {
			t.Errorf("stored is %+v", n)
		}
		spread := PlaceSpread
		patch := NamespacePatch{Placement: &spread}
		_, _, err = t.SetNamespace(t.ctx, "other", patch, false)
		t.wantCode(err, api.CodeNotFound)
		for _, dry := range []bool{true, false} {
			if !dry {
				t.store.unknown(true) // it has happened, and nobody says so
			}
			before, after, err := t.SetNamespace(t.ctx, "counter", patch, dry)
			if err != nil || before.Placement != PlaceLeastLoaded || after.Placement != PlaceSpread {
				t.Fatalf("dry %v: from %+v to %+v (%v)", dry, before, after, err)
			}
			if ns, _ := view().Namespace("counter"); (ns == after) == dry {
				t.Errorf("dry %v: %+v is stored", dry, ns)
			}
		}
		if now := view().Counter; now != first.Counter+1 {
			t.Errorf("the membership was raised %d times, want once", now-first.Counter)
		}
		if before, after, err := t.SetNamespace(t.ctx, "counter", patch, false); err != nil || before != after {
			t.Errorf("the same again: from %+v to %+v (%v)", before, after, err)
		}
		if now := view().Counter; now != first.Counter+1 {
			t.Error("the membership was raised for no change")
		}
		// A node that joins, or joins again, leaves the settings as they were set.
		if _, err := t.Join(
			t.ctx, JoinSpec{Node: NodeInfo{ID: "n2", Address: "n2:1"},
				Namespaces: []Namespace{{Name: "counter", Placement: PlaceRandom}}}); err != nil {
			t.Fatal(err)
		}
		if ns, _ := view().Namespace("counter"); ns.Placement != PlaceSpread {
			t.Errorf("after a join: %+v", ns)
		}
	})
}
