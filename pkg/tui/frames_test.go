// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "write the golden frames, and the page that shows them")

// scenes are what the golden frames show.
var scenes = []struct{ name, keys, caption string }{
	{"nodes", "", "The nodes. One has just stopped answering: its lease expires in 1.2 s, and its actors can be " +
		"taken then."},
	{"actors", "2", "The actors that stand out, the most called first."},
	{"actor-detail", "2<down><enter>", "The details of one."},
	{"actors-filtered", "2/counter/2<enter>s", "A filter, as it was typed, and another order."},
	{"leases", "3", "The leases."},
	{"moves", "4", "A drain, and an actor on its way."},
	{"events", "5", "What has happened, and why."},
	{"node-detail", "<down><enter>", "The details of a node."},
	{"migrate", "2m<right>", "Moving an actor: where to, and whether."},
	{"break", "<end>b", "What breaking a lease will do."},
	{"help", "?", "The keys."},
}

func (s *screen) plain() string {
	var b strings.Builder
	for _, l := range s.model.Lines() {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " ") + "\n")
	}
	return b.String()
}

func (s *screen) coloured() string {
	var b bytes.Buffer
	w := &colorprofile.Writer{Forward: &b, Profile: colorprofile.ANSI256}
	if _, err := w.WriteString(strings.Join(s.model.Lines(), "\n") + "\n"); err != nil {
		s.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\x1b", "␛")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is meant, run go test ./pkg/tui -update. It is\n%s", name, got)
	}
}

func TestFrames(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 50}} {
		for _, scene := range scenes {
			t.Run(fmt.Sprintf("%s-%dx%d", scene.name, size[0], size[1]), func(t *testing.T) {
				s := open(t, size[0], size[1]).press(scene.keys)
				lines := s.model.Lines()
				if len(lines) != size[1] {
					t.Errorf("%d lines", len(lines))
				}
				for i, l := range lines {
					if w := ansi.StringWidth(l); w != size[0] {
						t.Errorf("line %d has %d columns: %q", i, w, l)
					}
				}
				name := fmt.Sprintf("%s-%dx%d", scene.name, size[0], size[1])
				golden(t, name+".txt", s.plain())
				golden(t, name+".ansi", s.coloured())
			})
		}
	}
}

func TestFramesOnALightBackground(t *testing.T) {
	s := open(t, 80, 24)
	s.model.theme = newTheme(false)
	dark := open(t, 80, 24)
	if s.plain() != dark.plain() || s.coloured() == dark.coloured() {
		t.Error("the two differ by more, or less, than colours")
	}
	golden(t, "nodes-80x24-light.ansi", s.coloured())
}

func TestASmallWindowSaysSo(t *testing.T) {
	golden(t, "small-40x10.txt", open(t, 40, 10).plain())
	s := open(t, 40, 10)
	s.model.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	if s.plain() != open(t, 80, 24).plain() {
		t.Error("a window that has grown is not as one that was large")
	}
	for width := range 70 {
		for height := range 16 {
			s.model.Update(tea.WindowSizeMsg{Width: width, Height: height})
			for _, l := range s.model.Lines() {
				if ansi.StringWidth(l) != width {
					t.Fatalf("%d by %d: %q", width, height, l)
				}
			}
		}
	}
}

func TestBeforeTheFirstAnswer(t *testing.T) {
	s := &screen{T: t, model: New(&fakeSource{}, 0)}
	s.model.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	if !strings.Contains(s.plain(), "Looking for a node") {
		t.Error(s.plain())
	}
	s.model.Update(answered{err: errDown, at: began})
	if got := s.plain(); !strings.Contains(got, "127.0.0.1:7600 (connection refused)") ||
		!strings.Contains(got, "kelpie node start") {
		t.Error(got)
	}
}

func TestSnapshot(t *testing.T) {
	golden(t, "snapshot.txt", snapshot(&fakeSource{}, fixture(20)))
}

// TestThePageShowsTheFrames keeps docs/top.md as the view is.
func TestThePageShowsTheFrames(t *testing.T) {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, scene := range scenes {
		fmt.Fprintf(&b, "\n%s\n\n```text\n%s```\n", scene.caption, open(t, 100, 24).press(scene.keys).plain())
	}
	fmt.Fprintf(&b, "\nWithout a terminal, or with `--once`, all panes are printed once:\n\n```text\n%s```\n",
		snapshot(&fakeSource{}, fixture(20)))
	path := filepath.Join("..", "..", "docs", "top.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if page, err := os.ReadFile(path); err != nil || string(page) != b.String() {
		t.Errorf("%s is stale; run go test ./pkg/tui -update (%v)", path, err)
	}
}

const pageHead = `<!-- Written by go test ./pkg/tui -update, from the frames that the tests compare; change those instead. -->

# The live view

` + "`kelpie top`" +
	` shows a cluster as it is, and acts on it. It asks one node, which asks the others once a refresh for everybody who watches there; each
answers from what it has found out within the last second. If the node that is asked dies, another one is. Colours follow the terminal's
background, and are left out with ` + "`--no-color`, `NO_COLOR`" +
	` or a terminal that has none: nothing is told by colour alone.

These are its screens, of 100 columns and 24 lines. In wider windows there are more columns, and the details are beside the table.
`
