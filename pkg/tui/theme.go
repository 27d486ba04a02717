// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"image/color"

	"charm.land/bubbles/v2/textinput"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// tone is what a text means: how it looks is the theme's.
type tone int

const (
	plain tone = iota
	good
	warning
	bad
	faint
	strong
	accent
)

// theme is how tones look. Attributes tell what colours do where there are none.
type theme struct {
	tones    [accent + 1]lipgloss.Style
	selected lipgloss.Style
	tab      lipgloss.Style
	header   lipgloss.Style
	alarm    lipgloss.Style
}

// newTheme returns the theme for a terminal with a dark or light background. The sixteen colours are the terminal's
// own but for those that are hard to read on one of the backgrounds.
func newTheme(dark bool) theme {
	pick := func(light, dark_ string) color.Color {
		return lipgloss.LightDark(dark)(lipgloss.Color(light), lipgloss.Color(dark_))
	}
	base := lipgloss.NewStyle()
	var t theme
	t.tones[plain] = base
	t.tones[good] = base.Foreground(pick("28", "78"))
	t.tones[warning] = base.Foreground(pick("130", "221"))
	t.tones[bad] = base.Bold(true).Foreground(pick("160", "203"))
	t.tones[faint] = base.Foreground(pick("245", "243"))
	t.tones[strong] = base.Bold(true)
	t.tones[accent] = base.Foreground(pick("26", "75"))
	t.selected = base.Reverse(true)
	t.tab = base.Bold(true).Reverse(true)
	t.header = base.Bold(true).Foreground(pick("240", "250"))
	t.alarm = base.Bold(true).Foreground(lipgloss.Color("231")).Background(lipgloss.Color("160"))
	return t
}

// input is how a line looks that is edited.
func (t *theme) input() textinput.Styles {
	line := textinput.StyleState{Text: t.tones[accent], Prompt: t.tones[accent]}
	return textinput.Styles{Focused: line, Blurred: line}
}

// dimmed is a line that tells of what was, whatever its tones.
func (t *theme) dimmed(line string) string { return t.in(faint, ansi.Strip(line)) }

func (t *theme) in(what tone, text string) string {
	if what == plain || text == "" {
		return text
	}
	return t.tones[what].Render(text)
}
