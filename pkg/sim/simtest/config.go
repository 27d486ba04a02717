// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package simtest

import (
	"cmp"
	"os"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// DefaultSeeds is how many seeds run if nobody says: a few seconds.
const DefaultSeeds = 20

// Variables of the environment that choose seeds.
const (
	seedVar  = "KELPIE_SIM_SEED"
	seedsVar = "KELPIE_SIM_SEEDS"
)

// Config says what to run. Only Program is required; whatever else is at its zero value, each seed draws.
type Config struct {
	// Program makes the actors, what clients do and what must be true: anew for each run, so that what clients
	// learn can be kept in its variables. Several may be in use at once, one to a seed.
	Program func() sim.Program
	// Seeds is how many seeds to run, from 1 on; 0 is DefaultSeeds.
	Seeds int
	// Nodes and Clients are how many there are; Calls is how often Client.More returns true to each client.
	Nodes, Clients, Calls int
	// Faults are names out of sim.Catalog, such as crash, pause, cut, break-claim and unknown-done. nil is what each
	// seed draws out of all, and empty is none.
	Faults []string
	// Profile is one of sim.Profiles; "" is default.
	Profile string
	// For is how long faults rage, in simulated time.
	For time.Duration
}

// options is the run of one seed.
func (c *Config) options(seed uint64) sim.Options {
	return sim.Options{Seed: seed, Profile: c.Profile, Nodes: c.Nodes, Clients: c.Clients, Calls: c.Calls,
		Faults: c.Faults, For: c.For}
}

// run makes one run, with a program of its own. Errors are CodeInvalidArgument.
func (c *Config) run(o sim.Options) (*sim.Result, error) {
	program := c.Program()
	if program.Kinds == nil || program.Client == nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "simtest: a sim.Program needs Kinds and Client")
	}
	o.Program = &program
	resolved, err := o.Resolve()
	if err != nil {
		return nil, err
	}
	getIdle(&program, resolved.IdleTimeout)
	return sim.RunConfig(resolved), nil
}

// hasty is a kind whose actors get idle as soon as the seed says.
type hasty struct{ spec kind.Spec }

// Spec implements actor.Kind.
func (h *hasty) Spec() *kind.Spec { return &h.spec }

// getIdle has actors get idle sooner than by default, where their author has not chosen: or else none would in a run's
// few seconds. Kinds may be shared by other runs, so they are left as they are.
func getIdle(p *sim.Program, after time.Duration) {
	kinds := p.Kinds
	p.Kinds = func() []actor.Kind {
		var out []actor.Kind
		for _, k := range kinds() {
			if spec := *k.Spec(); spec.IdleTimeout == 0 {
				spec.IdleTimeout = after
				k = &hasty{spec}
			}
			out = append(out, k)
		}
		return out
	}
}

// seeds returns the first seed to run and how many, and whether the environment asks for that very one.
func (c *Config) seeds() (first uint64, count int, asked bool, err error) {
	text := os.Getenv(seedVar)
	if text == "" {
		count, err = c.count(os.Getenv(seedsVar))
		return 1, count, false, err
	}
	if first, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, 0, false, api.Errorf(api.CodeInvalidArgument, "%s=%q: must be the number of a seed", seedVar, text)
	}
	return first, 1, true, nil
}

// count returns how many seeds to run, where the environment says text.
func (c *Config) count(text string) (int, error) {
	if text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, api.Errorf(api.CodeInvalidArgument, "%s=%q: must be how many seeds to run, at least 1", seedsVar,
				text)
		}
		return n, nil
	}
	if c.Seeds < 0 {
		return 0, api.Errorf(api.CodeInvalidArgument, "simtest: %d seeds: must not be negative (0 is %d)", c.Seeds,
			DefaultSeeds)
	}
	return cmp.Or(c.Seeds, DefaultSeeds), nil
}
