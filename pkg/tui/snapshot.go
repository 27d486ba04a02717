// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// snapshotRows is how many rows of a pane a snapshot has, and snapshotWidth how wide it is.
const (
	snapshotRows  = 20
	snapshotWidth = 150
)

// Snapshot asks the source once and writes what all panes show, as plain text without colours. Errors are the
// source's and w's.
func Snapshot(ctx context.Context, source Source, w io.Writer) error {
	stats, err := source.Stats(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, snapshot(source, stats))
	return err
}

func snapshot(source Source, stats *api.ClusterStats) string {
	m := New(source, 0)
	m.width, m.stats = snapshotWidth, stats
	m.history.add(stats)
	var b strings.Builder
	line := func(s string) { b.WriteString(strings.TrimRight(ansi.Strip(s), " ") + "\n") }
	line(m.headline())
	if stats.StoreLost != "" {
		line(clean(stats.StoreLost) + "; what follows is what was known before")
	}
	if dying := m.dying(); dying != "" {
		line(dying)
	}
	if failing := m.failing(); failing != "" {
		line(failing)
	}
	for i := range m.panes {
		m.show(i)
		m.arrange()
		p := &m.panes[i]
		b.WriteString("\n" + strings.ToUpper(p.title) + "\n")
		if len(m.rows) == 0 {
			line(p.empty)
			continue
		}
		columns := make([]column, len(p.columns))
		for c := range columns { // a line of one refresh says nothing
			columns[c] = p.columns[c]
			if strings.HasSuffix(columns[c].title, "LATELY") {
				columns[c].rank = len(columns) + 1
			}
		}
		widths := layout(columns, snapshotWidth)
		line(m.theme.headerLine(columns, widths, sorting{column: -1}, snapshotWidth))
		for j := range m.rows[:min(len(m.rows), snapshotRows)] {
			line(m.theme.rowLine(&m.rows[j], columns, widths, false, snapshotWidth))
		}
		if more := len(m.rows) - snapshotRows; more > 0 {
			fmt.Fprintf(&b, "and %d more\n", more)
		}
	}
	return b.String()
}
