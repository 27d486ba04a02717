// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package human_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/human"
)

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"counter/a": "counter/a", "zürich 東京 🦤": "zürich 東京 🦤", "two\n\tlines": "two\n\tlines",
		"\x1b[31mred": `\u001b[31mred`, "bell\a": `bell\u0007`, "del\x7f": `del\u007f`, "c1\u009b2J": `c1\u009b2J`,
		"\u202etxt.exe": `\u202etxt.exe`, "\u2066x\u2069": `\u2066x\u2069`, "nel\u0085": `nel\u0085`,
		"a\rb":   `a\u000db`,
		"\u2028": `\u2028`, "\ufeff\ufffe": `\ufeff\ufffe`, "zero\u200bwidth": `zero\u200bwidth`,
	} {
		if got := human.Escape(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFprintf(t *testing.T) {
	var b strings.Builder
	if _, err := human.Fprintf(&b, "\r%s %d %v %s", "a\x1b", 7, errors.New("b\x1b"), []byte("c\x1b")); err != nil {
		t.Fatal(err)
	}
	if want := "\ra\\u001b 7 b\\u001b c\\u001b"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
