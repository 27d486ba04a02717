// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/kelpiehq/kelpie/internal/timezone"
	"github.com/kelpiehq/kelpie/pkg/api"
)

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// CronRule is a cron expression, by the wall clocks of a time zone.
type CronRule struct {
	// rule is asked with times of UTC alone, which stand for what a clock on the wall shows.
	rule *cron.SpecSchedule
	zone *time.Location
}

// ParseCron reads a cron expression, with TZ=ZONE in front of it or without. It refuses what would depend on when the
// alarm was set. Errors are CodeInvalidArgument.
func ParseCron(spec string) (*CronRule, error) {
	s, rule, err := &CronRule{zone: time.UTC}, spec, error(nil)
	if prefix, rest, ok := strings.Cut(spec, "="); ok && (prefix == "TZ" || prefix == "CRON_TZ") {
		var zone string
		zone, rule, ok = strings.Cut(rest, " ")
		if !ok {
			return nil, errCron(spec, "the time zone is not followed by a space and a rule")
		}
		if s.zone, err = timezone.Load(zone); err != nil {
			return nil, errCron(spec, "%v", err)
		}
	}
	rule = strings.TrimSpace(rule)
	if strings.HasPrefix(rule, "@every") {
		return nil, errCron(spec, "for an interval, set Every")
	}
	if strings.Contains(rule, "TZ=") {
		return nil, errCron(spec, "one TZ=ZONE stands in front of the rule")
	}
	parsed, err := cronParser.Parse(rule)
	if err != nil {
		return nil, errCron(spec, "%v", err)
	}
	var ok bool
	if s.rule, ok = parsed.(*cron.SpecSchedule); !ok {
		return nil, errCron(spec, "this is no rule of five fields")
	}
	s.rule.Location = time.UTC
	return s, nil
}

func errCron(spec, format string, args ...any) error {
	return api.Errorf(api.CodeInvalidArgument, "%q is not a cron expression: "+format, append([]any{spec}, args...)...)
}

// Next returns the first time of the rule after another, and the zero time if there is none.
//
// A rule for every hour follows the time that passes: it runs whenever a clock of the zone shows one of its times,
// twice if the clock shows it twice. Any other follows the dates and hours that it names, each of which comes once: at
// the first of two times that the clock shows, and, if the clock is put forward over it, when it is.
func (s *CronRule) Next(after time.Time) time.Time {
	// Between two changes of a zone its clocks are a fixed number of seconds from UTC.
	from := after.In(s.zone)
	begin, end := zoneBounds(from)
	wall := wallOf(from)
	if _, before := begin.Add(-1).Zone(); !s.hourly() && !begin.IsZero() {
		// Clocks that were put back show again what they have shown.
		if shown := wallOf(begin.Add(-1)); wallOf(begin).Before(shown) && wall.Before(shown) {
			wall = begin.UTC().Add(time.Duration(before)*time.Second - 1)
		}
	}
	for {
		due := s.nextWall(wall)
		if due.IsZero() {
			return due
		}
		_, offset := from.Zone()
		at := due.Add(-time.Duration(offset) * time.Second)
		if at.Before(from) {
			at = from // the clock was put forward over it
		}
		if end.IsZero() || at.Before(end) {
			return at.In(time.UTC)
		}
		from = end
		if s.hourly() {
			wall = wallOf(from).Add(-1)
		}
		_, end = zoneBounds(from)
	}
}

// zoneBounds returns since when and until when, at least, a zone's clocks are as they are at a time. On the last day of
// a leap year beyond the table of changes, time.ZoneBounds ends before the time it was asked for.
func zoneBounds(t time.Time) (begin, end time.Time) {
	begin, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		end = t.Add(24 * time.Hour)
	}
	return begin, end
}

// hourly reports whether the rule names all hours.
func (s *CronRule) hourly() bool {
	const hours = 1<<24 - 1
	return s.rule.Hour&hours == hours
}

// searchYears is how far the rules of the cron package are searched from a time on.
const searchYears = 5

// nextWall returns the first time of the rule after another, as the clock on the wall shows it. Two leap days are
// at most eight years apart.
func (s *CronRule) nextWall(after time.Time) time.Time {
	due := s.rule.Next(after)
	if due.IsZero() {
		later := time.Date(after.Year()+searchYears+1, 1, 1, 0, 0, 0, 0, time.UTC)
		due = s.rule.Next(later.Add(-1))
	}
	return due
}

// wallOf returns what a clock on the wall shows, as a time of UTC.
func wallOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
