// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"cmp"
	"slices"
	"strings"
)

// cell is one value of a row.
type cell struct {
	text string
	tone tone
	// order sorts cells that are not text.
	order float64
}

func text(s string, t tone) cell                 { return cell{text: clean(s), tone: t} }
func number(s string, order float64) cell        { return cell{text: s, order: order} }
func toned(s string, order float64, t tone) cell { return cell{text: s, order: order, tone: t} }

// row is what a table shows a line of.
type row struct {
	// key names the row from one refresh to the next: ACTOR, NODE ...
	key   string
	cells []cell // one for each column of the pane
	// dead rows are of what does not answer.
	dead bool
}

// column is a column of a pane.
type column struct {
	title string
	// width is what it needs. flex columns share what is left over.
	width int
	flex  bool
	// numeric columns are put to the right, and sorted by order, the greatest first.
	numeric bool
	// rank says which columns are shown where there is not room for all: the lowest first.
	rank int
}

const (
	// columnGap is between columns.
	columnGap = 1
	// cursorMark is before the row that is selected.
	cursorMark = ">"
)

// layout chooses the columns that fit, and their widths: 0 is not shown.
func layout(columns []column, width int) []int {
	byRank := make([]int, len(columns))
	for i := range byRank {
		byRank[i] = i
	}
	slices.SortStableFunc(byRank, func(a, b int) int { return cmp.Compare(columns[a].rank, columns[b].rank) })
	widths := make([]int, len(columns))
	left, flexible := width-len(cursorMark), 0
	all := left
	for _, i := range byRank {
		need := columns[i].width
		if left != all {
			need += columnGap
		}
		if need > left {
			break
		}
		left -= need
		widths[i] = columns[i].width
		if columns[i].flex {
			flexible++
		}
	}
	for i := range columns {
		if columns[i].flex && widths[i] > 0 {
			share := left / flexible
			widths[i] += share
			left -= share
			flexible--
		}
	}
	return widths
}

// sorting is by which column the rows of a pane are sorted, and which way.
type sorting struct {
	column  int
	reverse bool
}

// sortRows sorts rows, those that are equal by their keys.
func sortRows(rows []row, columns []column, s sorting) {
	if s.column < 0 {
		return
	}
	numeric := columns[s.column].numeric
	slices.SortStableFunc(rows, func(a, b row) int {
		var c int
		if numeric {
			c = cmp.Compare(b.cells[s.column].order, a.cells[s.column].order)
		} else {
			c = strings.Compare(a.cells[s.column].text, b.cells[s.column].text)
		}
		if s.reverse {
			c = -c
		}
		return cmp.Or(c, strings.Compare(a.key, b.key))
	})
}

// matches reports whether a row contains what is looked for, in any of its columns.
func (r *row) matches(filter string) bool {
	if filter == "" {
		return true
	}
	filter = strings.ToLower(filter)
	return slices.ContainsFunc(r.cells, func(c cell) bool { return strings.Contains(strings.ToLower(c.text), filter) })
}

// headerLine is the line of titles.
func (t *theme) headerLine(columns []column, widths []int, s sorting, width int) string {
	var parts []string
	for i, c := range columns {
		if widths[i] == 0 {
			continue
		}
		title := c.title
		if i == s.column {
			mark := "▼"
			if c.numeric == s.reverse {
				mark = "▲"
			}
			title = fit(title, widths[i]-1, c.numeric)
			if c.numeric {
				title += mark
			} else {
				title = fit(strings.TrimRight(title, " ")+mark, widths[i], false)
			}
		}
		parts = append(parts, fit(title, widths[i], c.numeric))
	}
	return t.header.Render(fit(" "+strings.Join(parts, strings.Repeat(" ", columnGap)), width, false))
}

// rowLine is the line of a row.
func (t *theme) rowLine(r *row, columns []column, widths []int, selected bool, width int) string {
	var parts []string
	for i, c := range columns {
		if widths[i] == 0 {
			continue
		}
		cell := r.cells[i]
		part := fit(cell.text, widths[i], c.numeric)
		if !selected {
			what := cell.tone
			if r.dead && what == plain {
				what = faint
			}
			part = t.in(what, part)
		}
		parts = append(parts, part)
	}
	mark := " "
	if selected {
		mark = cursorMark
	}
	line := fitStyled(mark+strings.Join(parts, strings.Repeat(" ", columnGap)), width)
	if selected {
		return t.selected.Render(line)
	}
	return line
}
