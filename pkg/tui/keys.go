// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
)

// keyHelp are the keys, as the help shows them.
var keyHelp = [][2]string{
	{"1-5, tab, shift+tab", "nodes, actors, leases, moves, events"},
	{"up, down, k, j", "select a row; pgup, pgdn, home and end go further"},
	{"enter", "show or hide details of the row"},
	{"/", "filter as you type; enter keeps the filter, esc drops it"},
	{"s, S", "sort by the next column; reverse the order"},
	{"space", "pause, and resume"},
	{"+, -", "refresh more often, less often"},
	{"r", "refresh now"},
	{"m", "migrate the actor"},
	{"e", "evict the actor: deactivate it until it is called again"},
	{"d, u", "drain the node, let it accept actors again"},
	{"b", "break the lease of the node"},
	{"?", "this help"},
	{"q, ctrl+c", "quit"},
}

// key is what a key does.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return tea.Quit
	}
	switch m.mode {
	case filtering:
		return m.filterKey(k)
	case confirming:
		return m.dialogKey(k)
	case helping:
		m.mode = browsing
		return nil
	}
	return m.browseKey(k)
}

func (m *Model) browseKey(k tea.KeyPressMsg) tea.Cmd {
	if m.navigate(k.String()) {
		return nil
	}
	switch k.String() {
	case "q":
		return tea.Quit
	case "?":
		m.mode = helping
	case "enter":
		m.detail = !m.detail
	case "esc":
		if m.detail {
			m.detail = false
			return nil
		}
		return m.setFilter("")
	case "/":
		m.mode = filtering
	case "s":
		m.nextSort()
	case "S":
		m.panes[m.at].sort.reverse = !m.panes[m.at].sort.reverse
	case "space":
		if m.paused = !m.paused; !m.paused {
			return m.ask()
		}
	case "r":
		return m.ask()
	case "+", "=":
		m.setRefresh(-1)
	case "-":
		m.setRefresh(1)
	case "m", "e", "d", "u", "b":
		m.begin(k.String())
	}
	return nil
}

// navigate moves between panes and rows, and reports whether the key was for that.
func (m *Model) navigate(key string) bool {
	page := max(m.bodyHeight()-1, 1)
	switch key {
	case "1", "2", "3", "4", "5":
		m.show(int(key[0] - '1'))
	case "tab", "right", "l":
		m.show((m.at + 1) % paneCount)
	case "shift+tab", "left", "h":
		m.show((m.at + paneCount - 1) % paneCount)
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup", "ctrl+b":
		m.move(-page)
	case "pgdown", "ctrl+f":
		m.move(page)
	case "home", "g":
		m.move(-len(m.rows))
	case "end", "G":
		m.move(len(m.rows))
	default:
		return false
	}
	return true
}

// nextSort sorts by the next of the columns that are shown, each the way it is looked at most.
func (m *Model) nextSort() {
	p := &m.panes[m.at]
	widths := layout(p.columns, m.tableWidth())
	for i := range p.columns {
		if next := (p.sort.column + 1 + i) % len(p.columns); widths[next] > 0 {
			p.sort = sorting{column: next}
			return
		}
	}
}

func (m *Model) setRefresh(by int) {
	i := slices.Index(refreshes, m.refresh)
	if i < 0 { // set by a flag: the next one
		i = slices.IndexFunc(refreshes, func(r time.Duration) bool { return r >= m.refresh })
	}
	m.refresh = refreshes[min(max(i+by, 0), len(refreshes)-1)]
}

func (m *Model) filterKey(k tea.KeyPressMsg) tea.Cmd {
	text := m.filter[m.at]
	switch k.String() {
	case "enter", "up", "down":
		m.mode = browsing
		m.navigate(k.String())
		return nil
	case "esc":
		m.mode = browsing
		return m.setFilter("")
	case "backspace":
		if runes := []rune(text); len(runes) > 0 {
			return m.setFilter(string(runes[:len(runes)-1]))
		}
		m.mode = browsing
		return nil
	case "ctrl+u":
		return m.setFilter("")
	}
	return m.setFilter(text + k.Text)
}
