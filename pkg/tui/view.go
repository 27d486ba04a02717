// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kelpiehq/kelpie/internal/human"
)

const (
	// widthMin and heightMin are the smallest window that shows something of use.
	widthMin, heightMin = 60, 12
	// beside is from which width on details are beside the table, detailWidth how wide they are then.
	beside, detailWidth = 150, 64
	// wideHeadline is from which width on the headline also names the node that answers.
	wideHeadline = 110
	// detailHeight is how high they are below it.
	detailHeight = 9
	// frame is the lines around the body: two above, the titles of columns, and two below.
	frame = 5
)

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.NewView(strings.Join(m.Lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "kelpie top"
	return v
}

// Lines is the screen: as many lines as the window has, each as wide as it is.
func (m *Model) Lines() []string {
	if m.width == 0 || m.height == 0 {
		return nil
	}
	var lines []string
	switch {
	case m.width < widthMin || m.height < heightMin:
		lines = wrap(fmt.Sprintf("kelpie top needs a window of at least %d by %d; this one is %d by %d. Enlarge "+
			"it, or use: kelpie top --once", widthMin, heightMin, m.width, m.height), m.width)
	case m.stats == nil:
		lines = m.waiting()
	case m.mode == helping:
		lines = append([]string{m.headline(), m.tabs()}, m.help()...)
	default:
		body := m.body()
		if m.old() {
			for i := range body {
				body[i] = m.theme.dimmed(body[i])
			}
		}
		lines = append([]string{m.headline(), m.tabs()}, body...)
		lines = append(lines, m.statusLine(), m.hints())
	}
	for i := range lines {
		lines[i] = fitStyled(lines[i], m.width)
	}
	for len(lines) < m.height {
		lines = append(lines, strings.Repeat(" ", m.width))
	}
	return lines[:m.height]
}

// waiting is the screen before the first answer.
func (m *Model) waiting() []string {
	lines := []string{m.theme.in(strong, "kelpie top"), "", "Looking for a node ..."}
	if m.failed != nil {
		lines = append(lines[:2], "")
		for _, l := range strings.Split(m.failed.Error(), "\n") {
			for _, w := range wrap(clean(l), m.width) {
				lines = append(lines, m.theme.in(bad, w))
			}
		}
		lines = append(lines, "", fmt.Sprintf("Retrying every %v. Press q to quit.", m.refresh))
	}
	return lines
}

// headline tells of the whole cluster.
func (m *Model) headline() string {
	s, rate, pending, actors := m.stats, 0.0, 0, 0
	active := 0
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if shownState(n) == "active" {
			active++
		}
		if n.Stats != nil {
			rate, pending, actors = rate+n.Stats.Rate, pending+n.Stats.Pending, actors+n.Stats.Actors
		}
	}
	left := fmt.Sprintf("%s  %s", m.theme.in(strong, "kelpie"), m.theme.in(accent, clean(shortID(s.Cluster.ClusterID))))
	left += fmt.Sprintf("  %d/%d nodes  %s actors  %s calls/s %s  %s pending",
		active, len(s.Nodes), human.Count(float64(actors)), human.Count(rate),
		m.theme.in(accent, sparkline(m.history.totalRate, 8)), human.Count(float64(pending)))
	right := ""
	if at, err := time.Parse(time.RFC3339, s.Time); err == nil {
		right = at.UTC().Format("15:04:05")
	}
	if m.width >= wideHeadline {
		right = "via " + clean(m.source.Via()) + "  " + right
	}
	return spread(left, m.theme.in(faint, right), m.width)
}

// shortID is as much of an id as tells clusters apart.
func shortID(id string) string { return id[:min(len(id), 8)] }

// tabs names the panes, and how they are shown.
func (m *Model) tabs() string {
	var b strings.Builder
	for i := range m.panes {
		title := fmt.Sprintf(" %d %s ", i+1, m.panes[i].title)
		if n := m.badge(i); n > 0 {
			title = fmt.Sprintf(" %d %s %d ", i+1, m.panes[i].title, n)
		}
		if i == m.at {
			title = m.theme.tab.Render(title)
		}
		b.WriteString(title)
	}
	right := "every " + human.Duration(m.refresh)
	if m.paused {
		right = m.theme.in(warning, "PAUSED")
	}
	return spread(b.String(), right, m.width)
}

// badge is what is worth a number beside a pane's title.
func (m *Model) badge(pane int) int {
	n := 0
	for i := range m.stats.Nodes {
		s := m.stats.Nodes[i].Stats
		switch {
		case pane == nodePane:
			n++
		case pane == movePane && s != nil:
			n += s.Moving
		}
	}
	return n
}

// bodyHeight is how many rows are shown.
func (m *Model) bodyHeight() int {
	h := m.height - frame
	if m.detail && m.width < beside {
		h -= detailHeight
	}
	return max(h, 1)
}

// tableWidth is how wide the table is.
func (m *Model) tableWidth() int {
	if m.detail && m.width >= beside {
		return m.width - detailWidth - 1
	}
	return m.width
}

// body is the table and the details.
func (m *Model) body() []string {
	p := &m.panes[m.at]
	width, height := m.tableWidth(), m.bodyHeight()
	widths := layout(p.columns, width)
	lines := []string{m.theme.headerLine(p.columns, widths, p.sort, width)}
	at := m.selected()
	top := min(max(m.top[m.at], at-height+1), max(at, 0))
	top = max(min(top, len(m.rows)-height), 0)
	m.top[m.at] = top
	for i := top; i < min(top+height, len(m.rows)); i++ {
		lines = append(lines, m.theme.rowLine(&m.rows[i], p.columns, widths, i == at, width))
	}
	if len(m.rows) == 0 {
		why := p.empty
		if m.filter[m.at] != "" {
			why = "no match for " + m.filter[m.at]
		}
		for _, l := range wrap(why, width) {
			lines = append(lines, m.theme.in(faint, l))
		}
	}
	for len(lines) < height+1 {
		lines = append(lines, strings.Repeat(" ", width))
	}
	if m.mode == confirming {
		lines = m.overlay(lines)
	}
	if m.detail {
		lines = m.withDetail(lines, width)
	}
	return lines
}

// withDetail puts the details beside the table, or below it.
func (m *Model) withDetail(lines []string, width int) []string {
	if m.width < beside {
		return append(lines, m.details(m.width, detailHeight)...)
	}
	for i, d := range m.details(detailWidth, len(lines)) {
		lines[i] = fitStyled(lines[i], width) + m.theme.in(faint, "│") + d
	}
	return lines
}

// details are those of the row that is selected.
func (m *Model) details(width, height int) []string {
	title := "─ details "
	lines := []string{m.theme.in(faint, title+strings.Repeat("─", max(0, width-len([]rune(title)))))}
	p := &m.panes[m.at]
	var told [][2]string
	if at := m.selected(); at >= 0 && p.detail != nil {
		told = p.detail(m, m.rows[at].key)
	}
	if told == nil {
		lines = append(lines, m.theme.in(faint, "no details"))
	}
	const names = 9
	for _, d := range told {
		for i, l := range wrap(clean(d[1]), width-names) {
			name := ""
			if i == 0 {
				name = d[0]
			}
			lines = append(lines, m.theme.in(strong, fit(name, names, false))+l)
		}
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	for i := range lines {
		lines[i] = fitStyled(lines[i], width)
	}
	return lines[:height]
}

// overlay puts the dialog over the last lines of the table.
func (m *Model) overlay(lines []string) []string {
	d := m.dialog
	width := m.tableWidth()
	box := []string{m.theme.in(warning, strings.Repeat("─", width))}
	for _, l := range wrap(clean(d.says), width) {
		box = append(box, m.theme.in(strong, l))
	}
	if len(d.targets) > 0 {
		var b strings.Builder
		b.WriteString("To (left, right): ")
		for i, t := range d.targets {
			if t == "" {
				t = "any"
			}
			if t = " " + t + " "; i == d.chosen {
				t = m.theme.selected.Render(t)
			}
			b.WriteString(t)
		}
		box = append(box, b.String())
	}
	box = append(box, m.theme.in(warning, fmt.Sprintf("y: %s   n: don't", d.action.Verb)))
	for i := range box {
		box[i] = fitStyled(box[i], width)
	}
	return append(lines[:max(len(lines)-len(box), 1)], box...)
}

// statusLine tells what went wrong, what was done, or what is filtered.
func (m *Model) statusLine() string {
	switch {
	case m.failed != nil:
		why, _, _ := strings.Cut(m.failed.Error(), "\n")
		return m.theme.alarm.Render(
			fit(fmt.Sprintf(" as of %s ago: %s", human.Duration(m.now.Sub(m.heardAt)), clean(why)), m.width, false))
	case m.stats.StoreLost != "":
		return m.theme.alarm.Render(fit(" "+clean(m.stats.StoreLost), m.width, false))
	case m.notice != "" && m.now.Sub(m.noticeAt) < noticeFor:
		what := good
		if m.badNews {
			what = bad
		}
		return m.theme.in(what, fit(clean(strings.ReplaceAll(m.notice, "\n", "; ")), m.width, false))
	case m.mode == filtering:
		return m.input.View()
	case m.filter[m.at] != "":
		return m.theme.in(accent, fmt.Sprintf("/%s: %d shown; esc shows all", m.filter[m.at], len(m.rows)))
	}
	if dying := m.dying(); dying != "" {
		return m.theme.alarm.Render(fit(" "+dying, m.width, false))
	}
	if failing := m.failing(); failing != "" {
		return m.theme.in(warning, fit(failing, m.width, false))
	}
	return ""
}

// failing says how many alarms and messages fail, and which commands list them; "" if none does.
func (m *Model) failing() string {
	alarms, sends := 0, 0
	for i := range m.stats.Nodes {
		if s := m.stats.Nodes[i].Stats; s != nil {
			alarms, sends = alarms+s.AlarmsFailing, sends+s.SendsFailing
		}
	}
	text := human.Failing(alarms, sends)
	if text == "" {
		return ""
	}
	var commands []string
	if alarms > 0 {
		commands = append(commands, "kelpie alarms ls --overdue")
	}
	if sends > 0 {
		commands = append(commands, "kelpie sends ls --overdue")
	}
	return text + ": " + strings.Join(commands, ", ")
}

// old reports whether what is shown is not how things stand now: no node answers, or the one that answers can't reach
// the store.
func (m *Model) old() bool { return m.failed != nil || m.stats.StoreLost != "" }

// dying names the members that do not answer.
func (m *Model) dying() string {
	var names []string
	for i := range m.stats.Nodes {
		if n := &m.stats.Nodes[i]; shownState(n) == stateSilent || n.State == "suspect" {
			left := "its lease expires"
			if n.TTLLeftMillis > 0 {
				left += " in " + millis(n.TTLLeftMillis)
			}
			names = append(names, fmt.Sprintf("%s does not answer, %s", clean(n.Node), left))
		}
	}
	return strings.Join(names, "; ")
}

// hints are the keys that matter now.
func (m *Model) hints() string {
	var keys []string
	switch m.mode {
	case filtering:
		keys = []string{"type to filter", "enter keep", "esc drop"}
	case confirming:
		keys = []string{"y do it", "n don't"}
	default:
		keys = []string{"? help", "q quit", "/ filter", "s sort", "enter details"}
		switch m.at {
		case nodePane, leasePane:
			keys = append(keys, "d drain", "b break")
		case actorPane:
			keys = append(keys, "m migrate", "e evict")
		}
		keys = append(keys, "space pause")
	}
	return m.theme.in(faint, fit(strings.Join(keys, "  "), m.width, false))
}

// help is the list of keys.
func (m *Model) help() []string {
	lines := []string{""}
	for i := range commands {
		if h := commands[i].Help(); h.Key != "" {
			lines = append(lines, "  "+m.theme.in(strong, fit(h.Key, 20, false))+" "+h.Desc)
		}
	}
	notes := "Rates and percentiles cover about the last second, an actor's the last ten. Depth is calls in " +
		"mailboxes, waiting or running. The actors are the notable ones among those called recently. Press any " +
		"key to go back."
	lines = append(lines, "")
	for _, l := range wrap(notes, m.width-4) {
		lines = append(lines, "  "+m.theme.in(faint, l))
	}
	return lines[:min(len(lines), max(m.height-2, 1))]
}
