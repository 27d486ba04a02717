// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1000": 1000, "12B": 12, "64KiB": 64 << 10, "1.5MiB": 3 << 19, "2GB": 2e9, "2 GiB": 2 << 30,
		"1TB": 1e12, "3kB": 3000,
	} {
		var b Bytes
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%s: %d, %v; want %d", text, b, err, want)
		}
		var again Bytes
		if err := again.Set(b.String()); err != nil || again != b {
			t.Errorf("%s is shown as %s, which is %d (%v)", text, b.String(), again, err)
		}
	}
	for _, text := range []string{"", "many", "-1", "1.5B", "NaN", "Inf", "1e30", "2XB", "9999999TiB"} {
		b := Bytes(7)
		if err := b.Set(text); err == nil || b != 7 {
			t.Errorf("%q is taken for %d", text, b)
		}
	}
}

// FuzzBytes parses any text as a size: what is taken is not negative, and the same when it is written and read again.
func FuzzBytes(f *testing.F) {
	for _, s := range []string{"", "0", "1e3", "64KiB", "1.5GiB", "2 TB", "-1", "NaN", "Inf", "9e18", "0x10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b, again Bytes
		if b.Set(s) != nil {
			return
		}
		if err := again.Set(b.String()); b < 0 || err != nil || again != b {
			t.Fatalf("%q is %d, and then %d, %v", s, b, again, err)
		}
	})
}
