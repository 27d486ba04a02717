// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// The bounds of a run. They are there to find slips of the finger before they cost a machine its memory.
const (
	// CallersMax bounds the callers: each is a goroutine, and has a call in flight.
	CallersMax = 10_000
	// ActorsMax bounds the actors: with more, a run meets hardly any of them twice.
	ActorsMax = 10_000_000
	// RateMax bounds the calls per second that are asked for: one goroutine gives them out.
	RateMax = 1_000_000
	// LatencyMax is the longest latency that is told from longer ones, and bounds the timeout of a call.
	LatencyMax = time.Hour
)

// Target makes one call and blocks until it is answered or ctx ends. It is called concurrently, and must not change
// the request.
type Target func(ctx context.Context, id api.ActorID, method string, request []byte) error

// Config says what a run does.
type Config struct {
	Target Target
	// Namespace is that of the actors, which are named bench-0, bench-1 and so on.
	Namespace string
	// Actors is how many there are, 1 to ActorsMax.
	Actors int
	Mix    Mix
	// Callers is how many calls are in flight at once, at most: 1 to CallersMax.
	Callers int
	// Rate is how many calls are due each second, of all callers together, up to RateMax; 0 is a closed loop.
	Rate int
	// WarmUp is how long calls are made before any is measured; 0 is not at all.
	WarmUp time.Duration
	// Duration is after how long no more calls are begun, and Calls after how many. At least one of them is above 0;
	// with both, the first to come counts.
	Duration time.Duration
	Calls    int
	// Timeout bounds each call: above 0, and up to LatencyMax.
	Timeout time.Duration
	// Each, if not nil, is told how far the run has come, once a second, on the goroutine that called Run.
	Each func(Progress)
}

// Validate checks what Run will want of all fields but Target. Errors are CodeInvalidArgument and name the field as
// the flags of kelpie bench do.
func (c *Config) Validate() error {
	if err := api.ValidateNamespace(c.Namespace); err != nil {
		return err
	}
	if err := c.Mix.validate(); err != nil {
		return err
	}
	if err := within("--callers", c.Callers, 1, CallersMax); err != nil {
		return err
	}
	if err := within("--actors", c.Actors, 1, ActorsMax); err != nil {
		return err
	}
	if err := within("--rate", c.Rate, 0, RateMax); err != nil {
		return err
	}
	switch {
	case c.WarmUp < 0:
		return api.Errorf(api.CodeInvalidArgument, "--warm-up %v: must not be negative; 0 means none", c.WarmUp)
	case c.Calls < 0:
		return api.Errorf(api.CodeInvalidArgument, "--calls %d: must be at least 1", c.Calls)
	case c.Duration < 0, c.Duration == 0 && c.Calls == 0:
		return api.Errorf(api.CodeInvalidArgument, "--duration %v: must be positive, unless --calls ends the run",
			c.Duration)
	case c.Timeout <= 0 || c.Timeout > LatencyMax:
		return api.Errorf(api.CodeInvalidArgument, "--timeout %v: must be positive and at most %v", c.Timeout,
			LatencyMax)
	}
	return nil
}

func within(flag string, n, least, most int) error {
	if n < least || n > most {
		return api.Errorf(api.CodeInvalidArgument, "%s %d: must be from %d to %d", flag, n, least, most)
	}
	return nil
}

// actor returns the nth actor.
func (c *Config) actor(n int) api.ActorID {
	return api.ActorID{Namespace: c.Namespace, ID: "bench-" + strconv.Itoa(n)}
}
