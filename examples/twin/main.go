// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// silence is how long a device may say nothing before it counts as offline.
const silence = 2 * time.Second

// twin is the state of one device's twin.
type twin struct {
	Online  bool    `json:"online"`
	Reading float64 `json:"reading"`
	Reports int     `json:"reports"`
	Outages int     `json:"outages"`
}

// twins is every actor twin/DEVICE.
var twins = actor.New[twin]("twin")

// expire marks the device as offline. No one calls it but the alarm.
var expire = actor.Write(twins, "expire", func(_ *actor.Context, t *twin, _ actor.None) (bool, error) {
	t.Online = false
	t.Outages++
	return true, nil
})

// report takes a reading, and sets the alarm again, which replaces the alarm of that name.
var report = actor.Write(twins, "report", func(ctx *actor.Context, t *twin, reading float64) (int, error) {
	t.Online, t.Reading = true, reading
	t.Reports++
	return t.Reports, expire.Alarm(ctx, "silence", actor.Alarm{After: silence}, actor.None{})
})

// show returns what is known of the device.
var show = actor.Read(twins, "show", func(_ *actor.Context, t *twin, _ actor.None) (twin, error) { return *t, nil })

func main() { host.Main(twins) }
