// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package human

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Escape makes text from anywhere safe for a terminal, a log and a reader: what would move the cursor, change colours,
// turn the direction of text around, or is not seen is written as JSON and YAML write it, such as \u001b. Newlines and
// tabs stay.
func Escape(s string) string {
	if strings.IndexFunc(s, unsafe) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafe(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe reports whether a character is escaped: controls (C0 and C1), those that steer the direction of text, the
// separators of lines that are no newline, and what is no character.
func unsafe(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case unicode.IsControl(r), r == 0x061c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e,
		r >= 0x2060 && r <= 0x206f, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	}
	return false
}

// Fprintf is fmt.Fprintf with all text among the arguments escaped. The format is the program's own.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	safe := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			safe[i] = Escape(v)
		case []byte:
			safe[i] = Escape(string(v))
		case error:
			safe[i] = Escape(v.Error())
		case fmt.Stringer:
			safe[i] = Escape(v.String())
		default:
			safe[i] = a
		}
	}
	return fmt.Fprintf(w, format, safe...)
}
