// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// listing is how rows of a kind are shown: one field for every key of their JSON, in order.
type listing[R any] struct {
	fields []field[R]
	// name is what -o name prints.
	name func(*R) string
	// tall rows are shown with a line for each field.
	tall bool
}

// field is one key of a row's JSON, and the column that shows it.
type field[R any] struct {
	key     string
	meaning string
	// header is the column's; "" is none.
	header string
	// wide columns show with -o wide only.
	wide bool
	cell func(*R) string
	// least is the width that the column has at least: of the longest of the few values that there are, so that pages
	// line up.
	least int
	// brief, if not nil, takes the place of cell where the column is not wide.
	brief func(*R) string
}

func (l listing[R]) columns(wide bool) []field[R] {
	var shown []field[R]
	for _, f := range l.fields {
		if f.header != "" && (wide || !f.wide) {
			if !wide && f.brief != nil {
				f.cell = f.brief
			}
			shown = append(shown, f)
		}
	}
	return shown
}

// inFull returns the listing with all columns shown.
func (l listing[R]) inFull() listing[R] {
	l.fields = slices.Clone(l.fields)
	for i := range l.fields {
		l.fields[i].wide = false
	}
	return l
}

// asTall returns the listing with a line for each field.
func (l listing[R]) asTall() listing[R] {
	l.tall = true
	return l
}

// help describes the JSON of a row.
func (l listing[R]) help() string {
	var b strings.Builder
	b.WriteString("With -o json or yaml, a row has these keys:\n")
	b.WriteString(l.keys())
	return b.String()
}

// keys describes the keys of the JSON of a row, a line for each.
func (l listing[R]) keys() string {
	var b strings.Builder
	width := 0
	for _, f := range l.fields {
		width = max(width, len(f.key))
	}
	for _, f := range l.fields {
		b.WriteString("\n  " + f.key + strings.Repeat(" ", width-len(f.key)) + "  " + f.meaning)
	}
	return b.String()
}

// columnGap is between two columns.
const columnGap = "   "

// cellMax is how long a cell that is an id may be before its middle is left out. -o wide and the other formats have it
// whole.
const cellMax = 40

// idKeys are the keys of cells that are ids or names, which can be long.
var idKeys = []string{"actor", "node", "namespace", "letter", "target"}

// shortened leaves out the middle of an id that is long: its ends tell ids apart.
func shortened(id string) string {
	runes := []rune(id)
	if len(runes) <= cellMax {
		return id
	}
	head := (cellMax - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(cellMax-1-head):])
}

// tablePrinter prints aligned columns. A column is as wide as what the pages so far have in it: a longer cell of a
// later page widens it from that page on.
type tablePrinter[R any] struct {
	// cut says that long ids are shortened.
	cut     bool
	w       io.Writer
	style   style
	columns []field[R]
	widths  []int
}

func (p *tablePrinter[R]) rows(page []R) error {
	cells := make([][]string, 0, len(page)+1)
	if p.widths == nil {
		p.widths = make([]int, len(p.columns))
		header := make([]string, len(p.columns))
		for i, c := range p.columns {
			if header[i] = c.header; len(page) > 0 {
				p.widths[i] = c.least
			}
		}
		cells = append(cells, header)
	}
	first := len(cells)
	for i := range page {
		row := make([]string, len(p.columns))
		for j, c := range p.columns {
			row[j] = cli.OneLine(c.cell(&page[i]))
			if p.cut && slices.Contains(idKeys, c.key) {
				row[j] = shortened(row[j])
			}
		}
		cells = append(cells, row)
	}
	p.measure(cells)
	var b strings.Builder
	for i, row := range cells {
		p.line(&b, row, first == 1 && i == 0)
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p *tablePrinter[R]) end() error {
	if p.widths != nil {
		return nil
	}
	return p.rows(nil) // the header alone
}

func (p *tablePrinter[R]) measure(cells [][]string) {
	for _, row := range cells {
		for i, cell := range row {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(cell))
		}
	}
}

func (p *tablePrinter[R]) line(b *strings.Builder, row []string, header bool) {
	for i, cell := range row {
		if header {
			b.WriteString(p.style.header(cell))
		} else {
			b.WriteString(p.style.cell(p.columns[i].key, cell))
		}
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", max(0, p.widths[i]-utf8.RuneCountInString(cell))))
			b.WriteString(columnGap)
		}
	}
	b.WriteByte('\n')
}

// tallPrinter prints a line for each field of a row.
type tallPrinter[R any] struct {
	w       io.Writer
	style   style
	columns []field[R]
}

func (p *tallPrinter[R]) rows(page []R) error {
	width := 0
	for _, c := range p.columns {
		width = max(width, utf8.RuneCountInString(c.header))
	}
	var b strings.Builder
	for i := range page {
		for _, c := range p.columns {
			b.WriteString(p.style.header(c.header) + strings.Repeat(" ", width-utf8.RuneCountInString(c.header)) +
				columnGap)
			b.WriteString(p.style.cell(c.key, cli.OneLine(c.cell(&page[i]))) + "\n")
		}
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p *tallPrinter[R]) end() error { return nil }
