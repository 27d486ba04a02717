// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package call

import "time"

// A wall clock that is ahead makes alarms come early. What is stored then must not keep them silent for as long as the
// clock was ahead, once it is right again: the next time of an alarm that repeats is never further off than a period,
// and the next try of one that has failed never further off than the longest pause. What is, comes from a wrong clock.
// Activations look for it whenever the actor has something to do, and a node looks at all actors that it attends to
// when its clock is set back. A node whose clock is behind what it was when the node started leaves all as it is: by
// such a clock everything is too far off.

// periodSlack is how much further off than a period the next time may be: clocks of two nodes differ.
const periodSlack = time.Minute

// BroughtBack returns the alarm as it is to be by a clock that is right: itself, if nothing is wrong with it.
func (al *Alarm) BroughtBack(now time.Time) *Alarm {
	next := *al
	if latest := now.Add(laterBackoffMax).UnixMilli(); al.Retry > latest {
		next.Retry = latest
	}
	if due, wrong := al.tooFar(now); wrong {
		next.Due, next.Attempts, next.Tries, next.Retry, next.Birth, next.Error = due, 0, 0, 0, 0, ""
	}
	if next.Retry == al.Retry && next.Due.Equal(al.Due) {
		return al
	}
	return &next
}

// tooFar reports whether an alarm that has come before is due further off than a period, and when it is due instead.
func (al *Alarm) tooFar(now time.Time) (due time.Time, wrong bool) {
	if !al.Repeats || al.Due.Sub(now) <= periodSlack {
		return al.Due, false
	}
	if al.Every > 0 {
		latest := now.Add(al.Every + min(al.Every, periodSlack))
		if !al.Due.After(latest) {
			return al.Due, false
		}
		missed := (al.Due.Sub(latest) + al.Every - 1) / al.Every
		return al.Due.Add(-missed * al.Every), true
	}
	again := al.Alarm
	again.Due = now.Add(periodSlack)
	latest, ok := again.Next(again.Due)
	if !ok || !al.Due.After(latest) {
		return al.Due, false
	}
	return latest, true
}
