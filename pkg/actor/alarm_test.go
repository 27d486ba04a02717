// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
)

var noon = time.Date(2026, 2, 28, 12, 0, 0, 123_456_789, time.UTC)

func TestWhenAnAlarmIsDueFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		alarm Alarm
		want  string
	}{
		{"at", Alarm{At: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, "2027-01-01T00:00:00Z"},
		{"at, to the millisecond", Alarm{At: noon}, "2026-02-28T12:00:00.123Z"},
		{"at, long ago", Alarm{At: time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC)}, "1970-01-01T00:00:00.001Z"},
		{"after", Alarm{After: time.Minute}, "2026-02-28T12:01:00.123Z"},
		{"every", Alarm{Every: time.Hour}, "2026-02-28T13:00:00.123Z"},
		{"every, from a time on", Alarm{Every: time.Hour, After: time.Second}, "2026-02-28T12:00:01.123Z"},
		{"cron", Alarm{Cron: "30 3 * * *"}, "2026-03-01T03:30:00Z"},
		{"cron, by name", Alarm{Cron: "@monthly"}, "2026-03-01T00:00:00Z"},
		{"cron, in a time zone", Alarm{Cron: "TZ=Asia/Tokyo 30 3 * * *"}, "2026-02-28T18:30:00Z"},
		{"cron, on a leap day", Alarm{Cron: "0 0 29 2 *"}, "2028-02-29T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.alarm.Method = "m"
			p, err := c.alarm.plan("a", noon)
			if got := p.Due.Format(time.RFC3339Nano); err != nil || got != c.want {
				t.Errorf("%s %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestAlarmsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		name  string
		alarm Alarm
		says  string
	}{
		{"", Alarm{After: 1, Method: "m"}, "1 to 128"},
		{strings.Repeat("a", 129), Alarm{After: 1, Method: "m"}, "1 to 128"},
		{"$a", Alarm{After: 1, Method: "m"}, "'$'"},
		{"a", Alarm{After: 1}, "pass the Method"},
		{"a", Alarm{Method: "m"}, "set one of At"},
		{"a", Alarm{At: noon, After: 1, Method: "m"}, "not both"},
		{"a", Alarm{After: -1, Method: "m"}, "negative"},
		{"a", Alarm{Every: time.Hour, Cron: "@daily", Method: "m"}, "not both"},
		{"a", Alarm{Every: time.Millisecond, Method: "m"}, "at least 100ms"},
		{"a", Alarm{Cron: "x", Method: "m"}, "not a cron expression"},
		{"a", Alarm{Cron: "0 0 30 2 *", Method: "m"}, "never comes"},
		{"a", Alarm{Cron: "TZ=Asia/Tokio 0 0 1 1 *", Method: "m"}, "no time zone is named"},
		{"a", Alarm{Cron: "@every 1h", Method: "m"}, "Every"},
		{"a", Alarm{After: 1, Method: "m", Request: func() {}}, "does not encode"},
	} {
		_, err := c.alarm.plan(c.name, noon)
		if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.alarm, err, c.says)
		}
	}
}

func TestLeapDaysThatAreEightYearsApart(t *testing.T) {
	p, err := Alarm{Cron: "0 0 29 2 *", Method: "m"}.plan("a", time.Date(2097, 1, 1, 0, 0, 0, 0, time.UTC))
	if want := time.Date(2104, 2, 29, 0, 0, 0, 0, time.UTC); err != nil || !p.Due.Equal(want) {
		t.Errorf("%v %v, want %v", p.Due, err, want)
	}
}

func TestWhenAnAlarmComesAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		alarm Alarm
		late  time.Duration
		want  time.Duration // after it was due
	}{
		{"on time", Alarm{Every: time.Hour}, 0, time.Hour},
		{"a little late", Alarm{Every: time.Hour}, time.Minute, time.Hour},
		{"just as the next is due", Alarm{Every: time.Hour}, time.Hour, 2 * time.Hour},
		{"having missed some", Alarm{Every: time.Hour}, 150 * time.Minute, 3 * time.Hour},
		{"by a clock that was set back", Alarm{Every: time.Hour}, -10 * time.Hour, time.Hour},
		{"cron", Alarm{Cron: "0 * * * *"}, 0, time.Hour},
		{"cron, having missed some", Alarm{Cron: "0 * * * *"}, 150 * time.Minute, 3 * time.Hour},
		{"cron, by a clock that was set back", Alarm{Cron: "0 * * * *"}, -10 * time.Hour, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.alarm.Method = "m"
			p, err := c.alarm.plan("a", noon)
			if err != nil {
				t.Fatal(err)
			}
			next, ok := p.Next(p.Due.Add(c.late))
			if got := next.Sub(p.Due); !ok || got != c.want {
				t.Errorf("%v after it was due, want %v", got, c.want)
			}
		})
	}
	once, err := Alarm{After: 1, Method: "m"}.plan("a", noon)
	if _, again := once.Next(noon); err != nil || again {
		t.Error("an alarm comes again that does not repeat")
	}
}

func FuzzCron(f *testing.F) {
	for _, spec := range []string{"* * * * *", "*/5 1-3 1,15 * MON", "@daily", "0 0 30 2 *", "TZ=UTC * * * * *",
		"60 * * * *", "TZ=Europe/Berlin 30 2 * * *"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if spec == "" {
			return
		}
		p, err := Alarm{Cron: spec, Method: "m"}.plan("a", noon)
		if err != nil {
			return
		}
		if next, ok := p.Next(p.Due); p.Due.Before(noon.Truncate(time.Minute)) || ok && !next.After(p.Due) {
			t.Errorf("%q: due at %v, and then at %v", spec, p.Due, next)
		}
	})
}

func TestNothingIsDoneLaterOutsideOfANode(t *testing.T) {
	ctx := newContext(kind.Turn{Context: t.Context(), Actor: ID{Namespace: "a", ID: "b"}})
	err := ctx.SetAlarm("x", Alarm{After: 1, Method: "m"})
	if api.CodeOf(err) != api.CodeFailedPrecondition {
		t.Error(err)
	}
	if err := Send(ctx, ID{Namespace: "a", ID: "b"}, "m", nil); api.CodeOf(err) != api.CodeFailedPrecondition {
		t.Error(err)
	}
}
