// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package human

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const unknown = "-"

// Bytes writes a size by powers of 1024, such as "512 B" or "1.5 MiB".
func Bytes(n int64) string {
	if n < 0 {
		return unknown
	}
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), 0
	for ; v >= 999.5 && unit < len(binaryUnits); unit++ {
		v /= 1024
	}
	return significant(v) + " " + binaryUnits[unit-1]
}

var binaryUnits = []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// Count writes a number by powers of 1000, such as "999", "1.5k" or "12M".
func Count(n float64) string {
	switch {
	case n < 0 || math.IsNaN(n):
		return unknown
	case n == 0:
		return "0"
	case n < 9.95 && n != math.Trunc(n):
		return strconv.FormatFloat(n, 'f', 1, 64)
	case n < 999.5:
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	unit := 0
	for ; n >= 999.5 && unit < len(decimalUnits); unit++ {
		n /= 1000
	}
	return significant(n) + decimalUnits[unit-1]
}

var decimalUnits = []string{"k", "M", "G", "T"}

// significant writes a number from 1 to 1000 with two digits or more.
func significant(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Duration writes a time in one unit, such as "250µs", "1.5ms", "12s" or "3h".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return unknown
	case d == 0:
		return "0s"
	case d < time.Microsecond:
		return "<1µs"
	}
	for _, u := range []struct {
		below, unit time.Duration
		name        string
	}{
		{time.Millisecond, time.Microsecond, "µs"}, {time.Second, time.Millisecond, "ms"},
		{2 * time.Minute, time.Second, "s"},
		{2 * time.Hour, time.Minute, "m"}, {48 * time.Hour, time.Hour, "h"},
	} {
		if d < u.below {
			v := float64(d) / float64(u.unit)
			if u.unit == time.Microsecond || u.unit >= time.Minute {
				return strconv.FormatFloat(math.Trunc(v), 'f', 0, 64) + u.name
			}
			return significant(v) + u.name
		}
	}
	return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
}

// Counted is a number of things, such as "1 actor" or "2 actors".
func Counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// Failing says how many alarms and messages fail, "" if none does.
func Failing(alarms, sends int) string {
	var said []string
	if alarms > 0 {
		said = append(said, Counted(alarms, "alarm"))
	}
	if sends > 0 {
		said = append(said, Counted(sends, "message"))
	}
	if len(said) == 0 {
		return ""
	}
	return strings.Join(said, " and ") + " of active actors failed, to be tried again"
}
