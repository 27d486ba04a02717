// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// resource is the state of a flight or a hotel.
type resource struct {
	Taken map[string]bool `json:"taken"` // by trip
}

// capacity is how many trips a resource has room for.
const capacity = 5

// trip is the state of one booking.
type trip struct {
	Plan   plan   `json:"plan"`
	Status status `json:"status"`
}

type plan struct {
	Flight string `json:"flight"`
	Hotel  string `json:"hotel"`
}

type status string

const (
	flying    status = "asking_flight"
	lodging   status = "asking_hotel"
	confirmed status = "confirmed"
	cancelled status = "cancelled"
)

var (
	trips     = actor.New[trip]("trip")
	resources = actor.New[resource]("resource") // resource/flight-1, resource/hotel-1 ...
)

// Of a trip: book begins it, answered is the reply of a resource, show tells how far it is.
var (
	book     = actor.Write(trips, "book", bookTrip)
	answered actor.Method[bool, status]
	show     = actor.Read(trips, "show", func(_ *actor.Context, t *trip, _ actor.None) (status, error) {
		return t.Status, nil
	})
)

// Of a resource: reserve and release take the id of a trip; taken says how many have a place.
var (
	reserve = actor.Write(resources, "reserve", func(ctx *actor.Context, r *resource, trip string) (bool, error) {
		ok := len(r.Taken) < capacity
		if ok {
			if r.Taken == nil {
				r.Taken = make(map[string]bool)
			}
			r.Taken[trip] = true
		}
		return ok, answered.Send(ctx, trip, ok)
	})
	release = actor.Write(resources, "release", func(_ *actor.Context, r *resource, trip string) (bool, error) {
		delete(r.Taken, trip)
		return true, nil
	})
	taken = actor.Read(resources, "taken", func(_ *actor.Context, r *resource, _ actor.None) (int, error) {
		return len(r.Taken), nil
	})
)

// Trips send to resources, and resources send back: init breaks the cycle of the variables.
func init() { answered = actor.Write(trips, "answered", nextStep) }

func bookTrip(ctx *actor.Context, t *trip, p plan) (status, error) {
	if t.Status != "" {
		return "", actor.Errorf("booked", "%s is %s already", ctx.Self(), t.Status)
	}
	t.Plan, t.Status = p, flying
	return t.Status, reserve.Send(ctx, p.Flight, ctx.Self().ID)
}

// nextStep takes a trip from one status to the next. The flight is undone if the hotel is full.
func nextStep(ctx *actor.Context, t *trip, ok bool) (status, error) {
	me := ctx.Self().ID
	switch {
	case t.Status == flying && ok:
		t.Status = lodging
		return t.Status, reserve.Send(ctx, t.Plan.Hotel, me)
	case t.Status == lodging && ok:
		t.Status = confirmed
		return t.Status, nil
	case t.Status == lodging:
		t.Status = cancelled
		return t.Status, release.Send(ctx, t.Plan.Flight, me)
	}
	t.Status = cancelled
	return t.Status, nil
}

func main() { host.Main(trips, resources) }
