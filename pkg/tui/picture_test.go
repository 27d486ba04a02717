// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// TestThePictureShowsAFrame keeps docs/top.svg as the view is.
func TestThePictureShowsAFrame(t *testing.T) {
	s := open(t, 100, 24).press("2<down><enter>")
	got := picture("kelpie top: the actors of a cluster that stand out, and the details of one", 100,
		strings.Split(strings.ReplaceAll(strings.TrimSpace(s.coloured()), "␛", "\x1b"), "\n"))
	path := filepath.Join("..", "..", "docs", "top.svg")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if page, err := os.ReadFile(path); err != nil || string(page) != got {
		t.Errorf("%s is stale; run go test ./pkg/tui -update (%v)", path, err)
	}
}

// Sizes of a picture, in pixels, and its colours.
const (
	cellWidth, lineHeight = 8.4, 18
	margin                = 14
	pictureText           = "#d0d7de"
	pictureGround         = "#161b22"
)

// pen is how the text looks that comes next.
type pen struct {
	text, ground string
	bold, swap   bool
}

// picture is an SVG of a screen of some columns, of which lines are the text with the escapes of 256 colours.
func picture(title string, columns int, lines []string) string {
	width, height := float64(columns)*cellWidth+2*margin, len(lines)*lineHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" `+
		`font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" role="img" aria-labelledby="title">`+
		"\n  <title id=\"title\">%s</title>\n", width, height, title)
	fmt.Fprintf(&b, "  <rect width=\"%.0f\" height=\"%d\" rx=\"8\" fill=\"%s\"/>\n", width, height, pictureGround)
	for i, line := range lines {
		drawLine(&b, line, margin+i*lineHeight)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// drawLine draws the runs of a line that look alike.
func drawLine(b *strings.Builder, line string, top int) {
	var now pen
	var run strings.Builder
	at, begin := 0, 0
	flush := func() {
		now.draw(b, run.String(), begin, at-begin, top)
		run.Reset()
		begin = at
	}
	p := ansi.NewParser()
	var state byte
	for len(line) > 0 {
		seq, cells, n, next := ansi.DecodeSequence(line, state, p)
		state, line = next, line[n:]
		if cells > 0 {
			run.WriteString(seq)
			at += cells
			continue
		}
		if p.Command() == 'm' {
			flush()
			now.turn(p.Params())
		}
	}
	flush()
}

// turn makes what a sequence of SGR says of the pen.
func (p *pen) turn(params ansi.Params) {
	if len(params) == 0 {
		*p = pen{}
	}
	for i := 0; i < len(params); i++ {
		switch code := params[i].Param(0); code {
		case 0:
			*p = pen{}
		case 1:
			p.bold = true
		case 7:
			p.swap = true
		case 39:
			p.text = ""
		case 49:
			p.ground = ""
		case 38, 48: // then 5, and the colour
			if colour := colourOf(params[i+2].Param(0)); code == 38 {
				p.text = colour
			} else {
				p.ground = colour
			}
			i += 2
		}
	}
}

// phrases are what is between two spaces or more, which would be shown as one.
var phrases = regexp.MustCompile(`\S+( \S+)*`)

// draw draws text of a number of cells.
func (p *pen) draw(b *strings.Builder, text string, column, cells, top int) {
	fore, ground := p.text, p.ground
	if fore == "" {
		fore = pictureText
	}
	if p.swap {
		fore, ground = pictureGround, fore
	}
	x, width := margin+float64(column)*cellWidth, float64(cells)*cellWidth
	if ground != "" {
		fmt.Fprintf(b, "  <rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x, top, width,
			lineHeight, ground)
	}
	weight := ""
	if p.bold {
		weight = ` font-weight="bold"`
	}
	for _, at := range phrases.FindAllStringIndex(text, -1) {
		phrase := text[at[0]:at[1]]
		fmt.Fprintf(b, `  <text x="%.1f" y="%d" textLength="%.1f" fill="%s"%s>`,
			x+float64(ansi.StringWidth(text[:at[0]]))*cellWidth, top+13,
			float64(ansi.StringWidth(phrase))*cellWidth, fore, weight)
		_ = xml.EscapeText(b, []byte(phrase)) // to memory
		b.WriteString("</text>\n")
	}
}

// colourOf is one of the 240 colours behind the sixteen of the terminal: a cube of six by six by six, and greys.
func colourOf(n int) string {
	if n >= 232 {
		grey := 8 + 10*(n-232)
		return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
	}
	level := func(i int) int {
		if i == 0 {
			return 0
		}
		return 55 + 40*i
	}
	n -= 16
	return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
}
