// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// clean makes text of the cluster's safe to show on a line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

// fit makes plain text exactly as wide as it should be: cut off with a mark, or filled up. Numbers are put to the
// right.
func fit(s string, width int, right bool) string {
	if width <= 0 {
		return ""
	}
	s = ansi.Truncate(s, width, "…")
	gap := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	if right {
		return gap + s
	}
	return s + gap
}

// spread puts one text at the left and one at the right of a line, and leaves out the right one if both do not fit.
// Both may be styled.
func spread(left, right string, width int) string {
	gap := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 1 {
		return fitStyled(left, width)
	}
	return left + strings.Repeat(" ", gap) + right
}

// fitStyled is fit for text with styles.
func fitStyled(s string, width int) string {
	s = ansi.Truncate(s, width, "…")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// wrap breaks text into lines of at most width columns.
func wrap(s string, width int) []string {
	return strings.Split(ansi.Wrap(s, max(width, 1), ""), "\n")
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the last values as bars, the highest of them full. No value, a negative one, is a blank.
func sparkline(values []float64, width int) string {
	values = values[max(0, len(values)-width):]
	highest := 0.0
	for _, v := range values {
		highest = max(highest, v)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(0, width-len(values))))
	for _, v := range values {
		switch {
		case v < 0:
			b.WriteByte(' ')
		case highest == 0:
			b.WriteRune(sparks[0])
		default:
			b.WriteRune(sparks[min(int(v/highest*float64(len(sparks))), len(sparks)-1)])
		}
	}
	return b.String()
}

// bar draws a share of a whole.
func bar(share float64, width int) string {
	full := int(min(max(share, 0), 1)*float64(width) + 0.5)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
