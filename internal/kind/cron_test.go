// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

func TestTimesOfCronRules(t *testing.T) {
	const berlin, lordHowe, apia, havana = "TZ=Europe/Berlin ", "TZ=Australia/Lord_Howe ", "TZ=Pacific/Apia ",
		"CRON_TZ=America/Havana "
	for _, c := range []struct {
		name, rule, after string
		want              []string
	}{
		{"in winter and summer", berlin + "0 9 * * *", "2026-03-27T12:00:00Z",
			[]string{"2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"}},
		{"back to winter", berlin + "0 9 * * *", "2026-10-24T00:00:00Z",
			[]string{"2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z"}},
		{"UTC has no summer", "TZ=UTC 0 9 * * *", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T09:00:00Z", "2026-03-30T09:00:00Z"}},
		{"by name", berlin + "@daily", "2026-03-28T12:00:00Z",
			[]string{"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}},

		{"a time that does not exist", berlin + "30 2 * * *", "2026-03-28T00:00:00Z",
			[]string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"some that do not exist run once", berlin + "*/15 1-3 * * *", "2026-03-29T00:30:00Z",
			[]string{"2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"}},
		{"the only time of a year does not exist", berlin + "30 2 29 3 *", "2025-12-01T00:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2027-03-29T00:30:00Z"}},
		{"a midnight that does not exist", havana + "0 0 * * *", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"}},
		{"half an hour that does not exist", lordHowe + "15 2 * * *", "2026-10-02T20:00:00Z",
			[]string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"a day that does not exist", apia + "0 12 * * *", "2011-12-29T00:00:00Z",
			[]string{"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},

		{"a time that exists twice", berlin + "30 2 * * *", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"after the first of the two", berlin + "30 2 * * *", "2026-10-25T00:40:00Z",
			[]string{"2026-10-26T01:30:00Z"}},
		{"between the two, later on the clock", berlin + "30 2 * * *", "2026-10-25T01:10:00Z",
			[]string{"2026-10-26T01:30:00Z"}},
		{"between the two, the hour after", berlin + "10 3 * * *", "2026-10-25T01:10:00Z",
			[]string{"2026-10-25T02:10:00Z"}},
		{"every minute of an hour that exists twice", berlin + "*/30 2 * * *", "2026-10-25T00:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"}},
		{"half an hour that exists twice", lordHowe + "45 1 * * *", "2026-04-04T12:00:00Z",
			[]string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},

		{"every hour, forward", berlin + "30 * * * *", "2026-03-29T00:00:00Z",
			[]string{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"}},
		{"every hour, back", berlin + "30 * * * *", "2026-10-25T00:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
		{"every hour by another name", berlin + "30 0-23 * * *", "2026-10-25T00:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}},
		{"every hour, forward by half an hour", lordHowe + "0 * * * *", "2026-10-03T14:00:00Z",
			[]string{"2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z", "2026-10-03T17:00:00Z"}},

		{"on leap days", "0 0 29 2 *", "2026-03-01T00:00:00Z",
			[]string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
		{"on leap days, eight years apart", "0 0 29 2 *", "2096-02-29T00:00:00Z",
			[]string{"2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"}},
		{"on leap days of a zone, eight years apart", berlin + "0 9 29 2 *", "2096-03-01T00:00:00Z",
			[]string{"2104-02-29T08:00:00Z"}},
		{"every hour of leap days of a zone", berlin + "0 * 29 2 *", "2096-03-01T00:00:00Z",
			[]string{"2104-02-28T23:00:00Z", "2104-02-29T00:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule, err := ParseCron(c.rule)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range c.want {
				at = rule.Next(at)
				got = append(got, at.Format(time.RFC3339))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("after %s\n%v, want\n%v", c.after, got, c.want)
			}
		})
	}
}

func TestCronRulesThatAreRefused(t *testing.T) {
	for rule, says := range map[string]string{
		"":                                "empty",
		"60 * * * *":                      "above maximum",
		"@every 1h":                       "set Every",
		"TZ=Europe/Berlin @every 1h":      "set Every",
		"TZ=Europe/Berlin":                "not followed by",
		"TZ= 0 9 * * *":                   `no time zone is named ""`,
		"TZ=Local 0 9 * * *":              `no time zone is named "Local"`,
		"TZ=Europe/Berlim 0 9 * * *":      `no time zone is named "Europe/Berlim"`,
		"TZ=../../etc/passwd 0 9 * * *":   "no time zone is named",
		"TZ=Europe 0 9 * * *":             "no time zone is named",
		"TZ=UTC TZ=Asia/Tokyo 0 9 * * *":  "one TZ=ZONE",
		"0 9 * * * TZ=Europe/Berlin":      "one TZ=ZONE",
		"ZONE=Europe/Berlin 0 9 * * *":    "not a cron expression",
		"TZ=Europe/Berlin 0 0 0 9 * * *":  "expected exactly 5 fields",
		"CRON_TZ=Europe/Berlin @someday ": "unrecognized descriptor",
	} {
		_, err := ParseCron(rule)
		if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", rule, err, says)
		}
	}
}

// What a rule does does not depend on the database of the machine, nor on its time zone.
func TestZonesOfTheMachineAreNotRead(t *testing.T) {
	t.Setenv("ZONEINFO", "/nonexistent")
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.FixedZone("here", 5*60*60)
	rule, err := ParseCron("TZ=Asia/Tokyo 0 9 * * *")
	if err != nil {
		t.Fatal(err)
	}
	after := time.Date(2026, 1, 1, 12, 0, 0, 0, time.Local)
	if got, want := rule.Next(after), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
