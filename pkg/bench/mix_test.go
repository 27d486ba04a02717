// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/bench"
)

// TestParseMix shows what mixes mean, by how they are written again.
func TestParseMix(t *testing.T) {
	for text, want := range map[string]string{
		"add=80,get=20":     "add=80,get=20",
		" add = 8 , get= 2": "add=8,get=2",
		"get":               "get=1",
		"a,b=1000000":       "a=1,b=1000000",
	} {
		m, err := bench.ParseMix(text)
		if err != nil || m.String() != want {
			t.Errorf("%q: %v, %v", text, m, err)
		}
	}
}

// TestParseMixRefuses shows mixes that are none, each with a word of why.
func TestParseMixRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                                   "no name",
		",":                                  "no name",
		"=5":                                 "no name",
		"add=":                               "whole number",
		"add=1.5":                            "whole number",
		"add=99999999999999999999":           "whole number",
		"add=0":                              "from 1 to 1000000",
		"add=-1":                             "from 1 to 1000000",
		"add=1000001":                        "from 1 to 1000000",
		"add,get,add=3":                      "twice",
		"$destroy":                           "'$'",
		strings.Repeat("m", 129):             "1 to 128 bytes",
		strings.Repeat("m,", 32) + "another": "1 to 32 methods, and has 33",
	} {
		_, err := bench.ParseMix(text)
		if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// FuzzParseMix shows that what can be read is written so that it reads the same.
func FuzzParseMix(f *testing.F) {
	f.Add("add=80,get=20")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := bench.ParseMix(text)
		if err != nil {
			return
		}
		again, err := bench.ParseMix(m.String())
		if err != nil || again.String() != m.String() {
			t.Errorf("%q is written %q, and reads %v, %v", text, m, again, err)
		}
	})
}
