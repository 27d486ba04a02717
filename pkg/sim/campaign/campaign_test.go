// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// small is a run that takes a few milliseconds.
var small = sim.Options{Profile: "smoke", Clients: 2, Calls: 4, For: time.Second, Faults: []string{}}

// TestOrder shows that seeds are reported in order, on one goroutine or several, with the same outcomes.
func TestOrder(t *testing.T) {
	var want []string
	for _, jobs := range []int{1, 3} {
		var got []string
		var simulated time.Duration
		c := Campaign{Options: small, Start: 5, Seeds: 12, Jobs: jobs, Each: func(o Outcome) error {
			got = append(got, fmt.Sprintf("seed %d: %016x", o.Result.Config.Seed, o.Result.TraceHash))
			simulated += o.Result.Elapsed
			if o.Wall <= 0 {
				t.Errorf("a run took %v", o.Wall)
			}
			return nil
		}}
		s, err := c.Run(t.Context())
		if err != nil || s.Seeds != 12 || s.Failed != 0 || s.OK < 12 || s.Steps == 0 || s.Simulated != simulated ||
			s.Wall <= 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if want == nil {
			want = got
		}
		if len(got) != 12 || !strings.HasPrefix(got[0], "seed 5:") || !slices.Equal(got, want) {
			t.Errorf("with %d jobs: %q", jobs, got)
		}
	}
}

// TestFailures shows that seeds that break a promise are counted, and the others run nonetheless.
func TestFailures(t *testing.T) {
	failed := 0
	c := Campaign{Options: sim.Options{Profile: "smoke", Bug: "early-reply"}, Start: 1, Seeds: 4,
		Each: func(o Outcome) error {
			if len(o.Result.Violations) > 0 {
				failed++
			}
			return nil
		}}
	s, err := c.Run(t.Context())
	if err != nil || s.Seeds != 4 || failed == 0 || s.Failed != failed {
		t.Errorf("%+v, %v; %d", s, err, failed)
	}
}

// TestEnds shows what ends a campaign early: its time, its context, and an error of Each.
func TestEnds(t *testing.T) {
	s, err := Campaign{Options: small, For: 50 * time.Millisecond}.Run(t.Context())
	if err != nil || s.Seeds == 0 || s.Wall < 50*time.Millisecond {
		t.Errorf("after its time: %+v, %v", s, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	s, err = Campaign{Options: small, Seeds: math.MaxInt, Jobs: 2, Each: func(Outcome) error {
		cancel()
		return nil
	}}.Run(ctx)
	if err != nil || s.Seeds == 0 || s.Seeds > 2*(aheadPerJob+2) {
		t.Errorf("after its context: %+v, %v", s, err)
	}
	s, err = Campaign{Options: small, Seeds: 1}.Run(ctx)
	if err != nil || s.Seeds != 0 {
		t.Errorf("with a context that has ended: %+v, %v", s, err)
	}

	full, calls := errors.New("no space left"), 0
	_, err = Campaign{Options: small, Seeds: math.MaxInt, Jobs: 2, Each: func(Outcome) error {
		calls++
		return full
	}}.Run(t.Context())
	if err != full || calls != 1 {
		t.Errorf("after an error: %d calls, %v", calls, err)
	}
}

// TestDeterminism shows that each seed is run twice, and that a seed that goes two ways breaks a promise.
func TestDeterminism(t *testing.T) {
	s, err := Campaign{Options: small, Seeds: 2, CheckDeterminism: true}.Run(t.Context())
	if err != nil || s.Seeds != 2 || s.Failed != 0 {
		t.Errorf("%+v, %v", s, err)
	}

	first, second := &sim.Result{TraceHash: 1, Steps: 10}, &sim.Result{TraceHash: 2, Steps: 11}
	compare(first, second)
	if !first.Caught(Determinism) || !strings.Contains(first.Violations[0].What, "0000000000000002 in 11") {
		t.Errorf("%+v", first.Violations)
	}

	c := wavering()
	if s, err = c.Run(t.Context()); err != nil || s.Failed != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// wavering is a campaign of a program that follows from more than its seed: from how often it has run.
func wavering() Campaign {
	runs := 0
	program := &sim.Program{
		Kinds: func() []actor.Kind { return []actor.Kind{actor.New[int]("counter")} },
		Client: func(c *sim.Client) {
			runs++
			for range runs {
				c.Pause(time.Millisecond)
			}
		},
	}
	o := small
	o.Program, o.Clients = program, 1
	return Campaign{Options: o, Seeds: 1, CheckDeterminism: true}
}

// TestWrong shows what makes no campaign.
func TestWrong(t *testing.T) {
	for _, c := range []struct {
		campaign Campaign
		says     string
	}{
		{Campaign{}, "needs a number of seeds, or a time"},
		{Campaign{Seeds: -1}, "-1 seeds"},
		{Campaign{Seeds: 1, Jobs: -1}, "-1 jobs"},
		{Campaign{Seeds: 1, For: -1}, "negative"},
		{Campaign{Seeds: 2, Start: math.MaxUint64}, "no 2 seeds from"},
		{Campaign{Seeds: 1, Options: sim.Options{Profile: "mild"}}, "mild"},
	} {
		if _, err := c.campaign.Run(t.Context()); api.CodeOf(err) != api.CodeInvalidArgument ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, which does not say %q", c.campaign, err, c.says)
		}
	}
	if s, err := (Campaign{Options: small, Start: math.MaxUint64, Seeds: 1}).Run(t.Context()); err != nil ||
		s.Seeds != 1 {
		t.Errorf("the last seed: %+v, %v", s, err)
	}
}

// TestCatalog shows that the campaign's own checker is listed with the simulator's.
func TestCatalog(t *testing.T) {
	items := Catalog()
	i := slices.IndexFunc(items, func(item sim.Item) bool { return item.Name == Determinism })
	if i < 0 || items[i-1].Kind != "checker" || items[i+1].Kind == "checker" || len(items) != len(sim.Catalog())+1 {
		t.Errorf("%+v", items)
	}
}
