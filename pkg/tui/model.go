// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"context"
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// RefreshDefault is how often the cluster is asked; RefreshMin and RefreshMax are what it can be set to. Nodes
	// answer from what they found out within the last second.
	RefreshDefault = time.Second
	RefreshMin     = 500 * time.Millisecond
	RefreshMax     = time.Minute
	// askTimeout bounds a question to the cluster; the source tries several nodes within it.
	askTimeout = 10 * time.Second
	// doTimeout bounds an action.
	doTimeout = 30 * time.Second
	// noticeFor is how long the outcome of an action is shown.
	noticeFor = 8 * time.Second
	// foundMax is how many actors are looked for beside those that stand out.
	foundMax = 200
)

// refreshes are what the refresh can be set to by keys.
var refreshes = []time.Duration{RefreshMin, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	30 * time.Second, RefreshMax}

// Model is the view. It implements tea.Model; use New.
type Model struct {
	source  Source
	refresh time.Duration
	theme   theme

	width, height int
	now           time.Time

	stats   *api.ClusterStats // nil before the first answer
	history *history
	heardAt time.Time
	failed  error // of the latest question
	asking  bool
	paused  bool

	panes [paneCount]pane
	at    int
	rows  []row // of the pane, filtered and sorted
	// cursor is the key of the row that is selected, wherever it goes; "" is the first, whichever that is.
	cursor [paneCount]string
	top    [paneCount]int
	filter [paneCount]string
	input  textinput.Model // of the filter that is edited
	detail bool
	// found are actors that a filter has found in the registry, looked for the prefix that it was.
	found  []api.ActorRow
	looked string

	mode     mode
	dialog   *dialog
	notice   string
	badNews  bool
	noticeAt time.Time
}

// mode is what keys are for.
type mode int

const (
	browsing mode = iota
	filtering
	confirming
	helping
)

// Messages, beside those of Bubble Tea.
type (
	answered struct {
		stats *api.ClusterStats
		err   error
		at    time.Time
	}
	tick time.Time
	done struct {
		said string
		err  error
		at   time.Time
	}
	found struct {
		prefix string
		rows   []api.ActorRow
		err    error
	}
)

// New returns a view of a source that asks it every so often, from RefreshMin to RefreshMax; 0 is RefreshDefault.
func New(source Source, refresh time.Duration) *Model {
	if refresh == 0 {
		refresh = RefreshDefault
	}
	m := &Model{source: source, refresh: refresh, panes: newPanes(), history: newHistory(), input: textinput.New()}
	m.input.Prompt = "/"
	m.input.KeyMap.Paste.SetEnabled(false) // of the clipboard of this machine; the terminal's comes as a message
	m.setTheme(newTheme(true))
	return m
}

func (m *Model) setTheme(t theme) {
	m.theme = t
	m.input.SetStyles(t.input())
}

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(tea.RequestBackgroundColor, m.ask())
}

// ask asks the cluster, unless that is under way.
func (m *Model) ask() tea.Cmd {
	if m.asking {
		return nil
	}
	m.asking = true
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		stats, err := m.source.Stats(ctx)
		return answered{stats, err, time.Now()}
	}
}

// later is a tick after the refresh.
func (m *Model) later() tea.Cmd {
	return tea.Tick(m.refresh, func(t time.Time) tea.Msg { return tick(t) })
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.input.SetWidth(max(m.width-len(m.input.Prompt)-1, 1)) // and the cursor
	case tea.BackgroundColorMsg:
		m.setTheme(newTheme(msg.IsDark()))
	case tick:
		m.now = time.Time(msg)
		if m.paused {
			return m, m.later()
		}
		return m, m.ask()
	case answered:
		return m, m.take(msg)
	case done:
		return m, m.outcome(msg)
	case found:
		if msg.prefix == m.looked && msg.err == nil {
			m.found = msg.rows
			m.arrange()
		}
	case tea.KeyPressMsg:
		cmd := m.key(msg)
		m.arrange()
		return m, cmd
	case tea.PasteMsg:
		if m.mode == filtering {
			return m, m.edit(msg)
		}
	}
	return m, nil
}

// take takes an answer.
func (m *Model) take(a answered) tea.Cmd {
	m.asking, m.now, m.failed = false, a.at, a.err
	if a.err == nil && !m.paused {
		m.stats, m.heardAt = a.stats, a.at
		m.history.add(a.stats)
		m.arrange()
	}
	return m.later()
}

func (m *Model) outcome(d done) tea.Cmd {
	m.now, m.noticeAt, m.badNews = d.at, d.at, d.err != nil
	if m.notice = d.said; d.err != nil {
		m.notice = d.err.Error()
	}
	return m.ask()
}

// arrange makes the rows of the pane, and keeps the cursor where it was.
func (m *Model) arrange() {
	if m.stats == nil {
		return
	}
	p := &m.panes[m.at]
	before := slices.IndexFunc(m.rows, func(r row) bool { return r.key == m.cursor[m.at] })
	rows := p.rows(m)
	rows = slices.DeleteFunc(rows, func(r row) bool { return !r.matches(m.filter[m.at]) })
	sortRows(rows, p.columns, p.sort)
	m.rows = rows
	if len(rows) == 0 {
		return
	}
	if m.selected() < 0 { // it has gone: the one in its place
		m.cursor[m.at] = rows[min(max(before, 0), len(rows)-1)].key
	}
}

// selected is the place of the row with the cursor, -1 if there is none.
func (m *Model) selected() int {
	if m.cursor[m.at] == "" && len(m.rows) > 0 {
		return 0
	}
	return slices.IndexFunc(m.rows, func(r row) bool { return r.key == m.cursor[m.at] })
}

// move moves the cursor by a number of rows.
func (m *Model) move(by int) {
	if len(m.rows) == 0 {
		return
	}
	if m.cursor[m.at] = m.rows[min(max(m.selected()+by, 0), len(m.rows)-1)].key; by <= -len(m.rows) {
		m.cursor[m.at] = ""
	}
}

// show changes to a pane.
func (m *Model) show(pane int) {
	if pane != m.at {
		m.at, m.rows = pane, nil
	}
}

// setFilter filters the pane. A filter of actors that looks like the beginning of a name also looks among those that
// do not stand out.
func (m *Model) setFilter(filter string) tea.Cmd {
	m.filter[m.at] = clean(filter)
	m.arrange()
	if m.at != actorPane {
		return nil
	}
	prefix := m.filter[actorPane]
	if prefix == m.looked {
		return nil
	}
	m.looked, m.found = prefix, nil
	if prefix == "" {
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		rows, err := m.source.Find(ctx, prefix, foundMax)
		return found{prefix, rows, err}
	}
}
