// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package human

import (
	"math"
	"testing"
	"time"
	"unicode/utf8"
)

func TestNumbersAreShort(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Bytes(-1), "-"}, {Bytes(0), "0 B"}, {Bytes(1023), "1023 B"}, {Bytes(1024), "1.0 KiB"}, {
			Bytes(1536), "1.5 KiB"}, {Bytes(10 << 10), "10 KiB"},
		{Bytes(1<<20 - 1), "1.0 MiB"}, {Bytes(123 << 20), "123 MiB"}, {Bytes(math.MaxInt64), "8.0 EiB"},
		{Count(-1), "-"}, {Count(math.NaN()), "-"}, {Count(0), "0"}, {Count(0.04), "0.0"}, {Count(7), "7"},
		{Count(1.25), "1.2"}, {Count(9.97), "10"}, {Count(999), "999"},
		{Count(999.6), "1.0k"}, {Count(1500), "1.5k"}, {Count(12_300), "12k"}, {Count(999_600), "1.0M"}, {
			Count(5e12), "5.0T"}, {Count(5e16), "50000T"},
		{Duration(-1), "-"}, {Duration(0), "0s"}, {Duration(500), "<1µs"}, {Duration(250 * time.Microsecond), "250µs"},
		{Duration(1500 * time.Microsecond), "1.5ms"},
		{Duration(12 * time.Millisecond), "12ms"}, {Duration(1200 * time.Millisecond), "1.2s"}, {
			Duration(90 * time.Second), "90s"},
		{Duration(121 * time.Second), "2m"}, {Duration(119 * time.Minute), "119m"}, {Duration(47 * time.Hour), "47h"},
		{Duration(72 * time.Hour), "3d"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
		if n := utf8.RuneCountInString(test.got); n > 8 {
			t.Errorf("%q takes %d columns", test.got, n)
		}
	}
}
