// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// AlarmNameBytesMax is the length of the longest name of an alarm.
	AlarmNameBytesMax = 128
	// AlarmEveryMin is the shortest time between two runs of one alarm.
	AlarmEveryMin = 100 * time.Millisecond
	// LaterBytesMax is the size of the largest encoded request of an alarm or a send: each is one value of the store.
	LaterBytesMax = api.SendBytesMax
)

// Alarm is a call that an actor makes of itself at a time to come. When is At, or After from now on. An alarm with
// neither is one with Every or Cron, whose first time is the next of those.
type Alarm struct {
	// At is when the alarm is due, to the millisecond; in the past, it is due at once, after the year 9999, at its end.
	At time.Time
	// After is how long from now on it is due, by the clock of the actor's node.
	After time.Duration
	// Every, if not 0, has the alarm come again so long after each time that it was due; at least AlarmEveryMin.
	Every time.Duration
	// Cron, if not "", has the alarm come again by an expression of five fields (minute, hour, day of the month,
	// month, day of the week), or @hourly, @daily, @weekly, @monthly or @yearly. Its time is UTC, or that of the time
	// zone that stands in front of it: "TZ=Europe/Berlin 0 9 * * *". A rule for certain hours runs once for each time
	// that it names: at the first of two, when clocks are put back, and, when they are put forward over it, at that
	// moment. A rule for every hour follows the time that passes.
	Cron string
	// Method is a writing method of the actor's own kind.
	Method string
	// Request is encoded as that of a call; nil for none. It has at most LaterBytesMax bytes.
	Request any
}

// AlarmInfo is an alarm that is set.
type AlarmInfo struct {
	Name   string
	Method string
	// Due is the time for which it is set; if a run has failed, it runs again later than that.
	Due   time.Time
	Every time.Duration
	Cron  string
	// Attempts is how often it has failed since it was due.
	Attempts int
}

// plan checks an alarm and computes when it is due first, now being the node's clock. Errors are CodeInvalidArgument.
func (a Alarm) plan(name string, now time.Time) (kind.Alarm, error) {
	p := kind.Alarm{Name: name, Method: a.Method, Every: a.Every, Cron: a.Cron}
	if err := a.validate(name); err != nil {
		return p, err
	}
	switch {
	case !a.At.IsZero():
		p.Due = a.At
	case a.After > 0 || a.Every == 0 && a.Cron == "":
		p.Due = now.Add(a.After)
	default:
		p.Due = now
		due, ok := p.Next(now)
		if !ok {
			return p, api.Errorf(api.CodeInvalidArgument, "alarm %q: %q never comes", name, a.Cron)
		}
		p.Due = due
	}
	p.Due = storable(p.Due)
	if a.Request == nil {
		return p, nil
	}
	var err error
	if p.Request, err = codec.Marshal(a.Request); err != nil {
		return p, api.Errorf(api.CodeInvalidArgument, "alarm %q: its request of type %T does not encode: %v", name,
			a.Request, err)
	}
	return p, nil
}

// dueFrom and dueTo are the first and the last time for which an alarm is set.
var (
	dueFrom = time.UnixMilli(1).UTC()
	dueTo   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// storable brings a time into the range of those that nodes can store, in milliseconds.
func storable(due time.Time) time.Time {
	switch {
	case due.Before(dueFrom):
		return dueFrom
	case due.After(dueTo):
		return dueTo
	}
	return time.UnixMilli(due.UnixMilli()).UTC()
}

func (a Alarm) validate(name string) error {
	var wrong string
	switch {
	case name == "" || len(name) > AlarmNameBytesMax:
		wrong = "a name has 1 to 128 bytes"
	case strings.HasPrefix(name, "$"):
		wrong = "names that begin with '$' are reserved"
	case a.Method == "":
		wrong = "pass the Method to run"
	case !a.At.IsZero() && a.After != 0:
		wrong = "set At or After, not both"
	case a.After < 0:
		wrong = "After must not be negative"
	case a.Every != 0 && a.Cron != "":
		wrong = "set Every or Cron, not both"
	case a.Every != 0 && a.Every < AlarmEveryMin:
		wrong = "Every must be at least " + AlarmEveryMin.String()
	case a.At.IsZero() && a.After == 0 && a.Every == 0 && a.Cron == "":
		wrong = "set one of At, After, Every and Cron"
	case a.Cron != "":
		if _, err := kind.ParseCron(a.Cron); err != nil {
			wrong = err.Error()
		}
	}
	if wrong != "" {
		return api.Errorf(api.CodeInvalidArgument, "alarm %q: %s", name, wrong)
	}
	return nil
}
