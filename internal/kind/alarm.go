// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kind

import "time"

// Alarm is an alarm that is set.
type Alarm struct {
	Name   string
	Method string
	// Due is the time for which it is set; if a run has failed, it runs again later than that.
	Due   time.Time
	Every time.Duration
	Cron  string
	// Attempts is how often it has failed since it was due.
	Attempts int
	// Request is encoded; nil for none.
	Request []byte
}

// Check says why the rule of a repeating alarm can't be read. It could when the alarm was set, by a program of another
// version or with another table of time zones.
func (a *Alarm) Check() error {
	if a.Cron == "" {
		return nil
	}
	_, err := ParseCron(a.Cron)
	return err
}

// Next returns when a repeating alarm is due again, having been due at Due: the first of its times after that which
// is not before now. Times that were missed are left out. ok is false for an alarm that does not come again, and for
// one that does not pass Check.
func (a *Alarm) Next(now time.Time) (due time.Time, ok bool) {
	switch {
	case a.Every > 0:
		missed := max(now.Sub(a.Due), 0) / a.Every
		return a.Due.Add((missed + 1) * a.Every), true
	case a.Cron != "":
		schedule, err := ParseCron(a.Cron)
		if err != nil {
			return time.Time{}, false
		}
		if now.Before(a.Due) {
			now = a.Due
		}
		due = schedule.Next(now.UTC())
		return due, !due.IsZero()
	}
	return time.Time{}, false
}
