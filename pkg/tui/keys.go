// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// command is what one or more keys do while rows are looked at.
type command struct {
	key.Binding // its help is a line of the help page
	do          func(m *Model, pressed string) tea.Cmd
}

// binding returns the binding of keys, which the help page names in a way of its own.
func binding(shown, does string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, does))
}

// commands are all that keys do, in the order of the help page.
var commands = []command{
	{binding("1-5, tab, shift+tab", "nodes, actors, leases, moves, events",
		"1", "2", "3", "4", "5", "tab", "right", "l", "shift+tab", "left", "h"), (*Model).changePane},
	{binding("up, down, k, j", "select a row; pgup, pgdn, home and end go further",
		"up", "k", "down", "j", "pgup", "ctrl+b", "pgdown", "ctrl+f", "home", "g", "end", "G"), (*Model).moveCursor},
	{binding("enter", "show or hide details of the row", "enter"), func(m *Model, _ string) tea.Cmd {
		m.detail = !m.detail
		return nil
	}},
	{binding("/", "filter as you type; enter keeps the filter, esc drops it", "/"), (*Model).editFilter},
	{binding("s, S", "sort by the next column; reverse the order", "s", "S"), (*Model).changeSort},
	{binding("space", "pause, and resume", "space"), (*Model).togglePause},
	{binding("+, -", "refresh more often, less often", "+", "=", "-"), (*Model).changeRefresh},
	{binding("r", "refresh now", "r"), func(m *Model, _ string) tea.Cmd { return m.ask() }},
	{binding("m", "migrate the actor", "m"), (*Model).begin},
	{binding("e", "evict the actor: deactivate it until it is called again", "e"), (*Model).begin},
	{binding("d, u", "drain the node, let it accept actors again", "d", "u"), (*Model).begin},
	{binding("b", "break the lease of the node", "b"), (*Model).begin},
	{binding("?", "this help", "?"), func(m *Model, _ string) tea.Cmd {
		m.mode = helping
		return nil
	}},
	{binding("q, ctrl+c", "quit", "q"), func(*Model, string) tea.Cmd { return tea.Quit }},
	{binding("", "", "esc"), (*Model).goBack},
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
	for i := range commands {
		if key.Matches(k, commands[i].Binding) {
			return commands[i].do(m, k.String())
		}
	}
	return nil
}

func (m *Model) changePane(pressed string) tea.Cmd {
	switch pressed {
	case "tab", "right", "l":
		m.show((m.at + 1) % paneCount)
	case "shift+tab", "left", "h":
		m.show((m.at + paneCount - 1) % paneCount)
	default:
		m.show(int(pressed[0] - '1'))
	}
	return nil
}

func (m *Model) moveCursor(pressed string) tea.Cmd {
	page := max(m.bodyHeight()-1, 1)
	switch pressed {
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
	}
	return nil
}

// changeSort sorts by the next of the columns that are shown, each the way it is looked at most, or the other way.
func (m *Model) changeSort(pressed string) tea.Cmd {
	p := &m.panes[m.at]
	if pressed == "S" {
		p.sort.reverse = !p.sort.reverse
		return nil
	}
	widths := layout(p.columns, m.tableWidth())
	for i := range p.columns {
		if next := (p.sort.column + 1 + i) % len(p.columns); widths[next] > 0 {
			p.sort = sorting{column: next}
			break
		}
	}
	return nil
}

func (m *Model) togglePause(string) tea.Cmd {
	if m.paused = !m.paused; m.paused {
		return nil
	}
	return m.ask()
}

func (m *Model) changeRefresh(pressed string) tea.Cmd {
	by := -1
	if pressed == "-" {
		by = 1
	}
	i := slices.Index(refreshes, m.refresh)
	if i < 0 { // set by a flag: the next one
		i = slices.IndexFunc(refreshes, func(r time.Duration) bool { return r >= m.refresh })
	}
	m.refresh = refreshes[min(max(i+by, 0), len(refreshes)-1)]
	return nil
}

// goBack closes the details, or drops the filter.
func (m *Model) goBack(string) tea.Cmd {
	if m.detail {
		m.detail = false
		return nil
	}
	return m.setFilter("")
}

// editFilter begins to edit the filter of the pane.
func (m *Model) editFilter(string) tea.Cmd {
	m.mode = filtering
	m.input.SetValue(m.filter[m.at])
	m.input.CursorEnd()
	return m.input.Focus()
}

// filterKey is what a key does while the filter is edited.
func (m *Model) filterKey(k tea.KeyPressMsg) tea.Cmd {
	switch pressed := k.String(); {
	case pressed == "enter":
		m.mode = browsing
		return nil
	case pressed == "up" || pressed == "down":
		m.mode = browsing
		return m.moveCursor(pressed)
	case pressed == "esc":
		m.mode = browsing
		return m.setFilter("")
	case pressed == "backspace" && m.input.Value() == "":
		m.mode = browsing
		return nil
	}
	return m.edit(k)
}

// edit has the filter edited by a key, or by what is pasted.
func (m *Model) edit(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(msg)
	if m.input.Value() == m.filter[m.at] {
		return cmd
	}
	return tea.Batch(cmd, m.setFilter(m.input.Value()))
}
