// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/charmbracelet/x/ansi"

	"github.com/kelpiehq/kelpie/pkg/api"
)

func (s *screen) wants(texts ...string) *screen {
	s.Helper()
	got := s.plain()
	for _, text := range texts {
		if !strings.Contains(got, text) {
			s.Fatalf("it does not show %q:\n%s", text, got)
		}
	}
	return s
}

func (s *screen) lacks(texts ...string) *screen {
	s.Helper()
	got := s.plain()
	for _, text := range texts {
		if strings.Contains(got, text) {
			s.Fatalf("it shows %q:\n%s", text, got)
		}
	}
	return s
}

func TestADyingNodeIsSeenAtOnce(t *testing.T) {
	open(t, 80, 24).wants("node-7602", "silent", "node-7602 does not answer, its lease expires in 1.2s", "1/3 nodes")
}

// TestFailingWorkShows tells of alarms and messages that fail before they are dead letters, and how to list them.
func TestFailingWorkShows(t *testing.T) {
	s := open(t, 130, 30)
	s.model.stats.Nodes[2].Silent = "" // which matters more
	s.lacks("failed, to be tried again")
	s.model.stats.Nodes[0].Stats.AlarmsFailing, s.model.stats.Nodes[1].Stats.AlarmsFailing = 1, 2
	const alarms = "3 alarms of active actors failed, to be tried again: kelpie alarms ls --overdue"
	s.wants(alarms).lacks("sends ls")
	if text := snapshot(s.source, s.model.stats); !strings.Contains(text, alarms) {
		t.Errorf("a snapshot does not say so:\n%s", text)
	}
	s.model.stats.Nodes[0].Stats.SendsFailing = 1
	s.wants("3 alarms and 1 message of active actors", "kelpie alarms ls --overdue, kelpie sends ls --overdue")
	s.press("<enter>").wants("failing", "1 alarm and 1 message of active actors failed")
}

// TestTargetsOfAMove shows which nodes an actor can be moved to: those that take actors, host its namespace, have room,
// and do not have it.
func TestTargetsOfAMove(t *testing.T) {
	m := open(t, 100, 24).model
	nodes := m.stats.Nodes
	nodes[2].Silent, nodes[1].State = "", "active"
	check := func(what string, want ...string) {
		t.Helper()
		if got := m.targets("counter/29"); !slices.Equal(got, append([]string{""}, want...)) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("all but its own", "node-7600", "node-7602")
	nodes[0].Capacity = nodes[0].Actors
	check("one is full", "node-7602")
	nodes[0].Capacity++
	nodes[2].Namespaces = []string{"kv"}
	check("one does not host it", "node-7600")
	nodes[0].State = "draining"
	check("one drains")
}

// TestWhatIsOldIsDimmed shows that what no node stands for any more is dimmed, and why it is old.
func TestWhatIsOldIsDimmed(t *testing.T) {
	s := open(t, 100, 24)
	bright := strings.Join(s.model.Lines(), "\n")
	s.model.stats.StoreLost = "store kelpie://h:1 unreachable since 2026-01-02T03:04:05Z: connection refused"
	s.wants("unreachable since 2026-01-02T03:04:05Z: connection refused", "node-7600")
	if text := snapshot(s.source, s.model.stats); !strings.Contains(text, "unreachable since") {
		t.Errorf("a snapshot does not say so:\n%s", text)
	}
	lines := s.model.Lines()
	if text := strings.Join(lines, "\n"); text == bright {
		t.Error("what is old looks like news")
	}
	for _, line := range lines[3 : len(lines)-3] {
		if text := strings.TrimSpace(ansi.Strip(line)); text != "" && !strings.Contains(line, "\x1b[") {
			t.Errorf("not dimmed: %q", line)
		}
	}
}

func TestActionsAreConfirmed(t *testing.T) {
	for _, test := range []struct {
		keys string
		want []Action
	}{
		{"2my", []Action{{Verb: Migrate, Actor: "counter/29"}}},
		{"2m<right>y", []Action{{Verb: Migrate, Actor: "counter/29", To: "node-7600"}}},
		{"2<down>ey", []Action{{Verb: Evict, Actor: "counter/28"}}},
		{"dy", []Action{{Verb: Drain, Node: "node-7600"}}},
		{"<down>uy", []Action{{Verb: Undrain, Node: "node-7601"}}},
		{"3<end>by", []Action{{Verb: BreakLease, Node: "node-7602"}}},
		{"2mn", nil}, {"b<esc>", nil}, {"b<enter>", nil}, {"bq", nil},
		{"m", nil}, {"2b", nil}, {"5d", nil},
	} {
		s := open(t, 100, 24).press(test.keys)
		if !reflect.DeepEqual(s.source.done, test.want) {
			t.Errorf("%s does %+v, want %+v", test.keys, s.source.done, test.want)
		}
		if len(test.want) > 0 {
			s.wants("it is done")
		}
		if s.quit {
			t.Errorf("%s quits", test.keys)
		}
	}
	s := open(t, 100, 24)
	s.source.doErr = errors.New("node node-7600 is the only one that takes actors")
	s.press("dy").wants("the only one that takes actors")
	open(t, 100, 24).press("m").wants("select an actor first")
	open(t, 100, 24).press("b").wants("drops 300 actors", "y: break")
}

func TestAFilterIsTyped(t *testing.T) {
	s := open(t, 100, 40).press("2/counter/2").wants("/counter/2", "counter/29").lacks("counter/13 ")
	s.source.found = []api.ActorRow{
		{Actor: "counter/29"}, {Actor: "counter/2999", Node: "node-7600", State: "owned", Token: 4},
		{Actor: "counter/2lost"}}
	s.press("9").wants("counter/2999", "node-7600").lacks("counter/28")
	if !slices.Contains(s.source.looked, "counter/29") {
		t.Errorf("looked for %v", s.source.looked)
	}
	s.press("<enter>").wants("/counter/29: 2 shown").press("<down><enter>").wants("owned, token 4").press("<esc>")
	s.press("<esc>").wants("counter/13").lacks("counter/2999")
	s.press("/zzz").wants("no match for zzz").press("<backspace><backspace><backspace>").lacks("nothing").press(
		"q<esc>q")
	if !s.quit {
		t.Error("q does not quit any more")
	}
}

func TestAFilterIsEdited(t *testing.T) {
	s := open(t, 100, 40).press("2/cunter/2")
	s.press(strings.Repeat("<left>", 8) + "<right>o<ctrl+e>9").wants("/counter/29").lacks("counter/28")
	s.press("<ctrl+a>x").wants("no match for xcounter/29").press("<ctrl+k>").wants("no match for x")
	s.press("<ctrl+u>").wants("counter/13").lacks("no match")
	s.press("counter zzz").wants("no match").press("<ctrl+w><backspace>").wants("/counter", "counter/13")
	s.model.Update(tea.PasteMsg{Content: "/1\n3\x1b[31m"})
	s.wants("no match for counter/1 3")
	for _, l := range s.model.Lines() {
		if strings.Contains(l, "\x1b[31m") {
			t.Errorf("an escape that was pasted gets through: %q", l)
		}
	}
	s.press("<esc>2/<esc>").lacks("/counter:")
	long := strings.Repeat("long", 60)
	if s.press("/" + long); !strings.Contains(s.model.Lines()[38], "long") {
		t.Errorf("the end of a long filter is not shown: %q", s.model.Lines()[38])
	}
	s.press("<ctrl+a>q").wants("/qlong")
	if s.quit {
		t.Error("q quits while a filter is edited")
	}
}

func TestPauseKeepsWhatIsShown(t *testing.T) {
	s := open(t, 100, 24)
	before := s.plain()
	s.press(" ").wants("PAUSED")
	s.refresh()
	if got := strings.Replace(s.plain(), "PAUSED  ", "every 1.0s", 1); strings.Count(got, "\n") != strings.Count(
		before, "\n") || !strings.Contains(got, "12:00:20") {
		t.Errorf("it has gone on:\n%s", got)
	}
	asked := s.source.asked
	s.press(" ").lacks("PAUSED")
	if s.source.asked != asked+1 {
		t.Error("it has not asked when it went on")
	}
}

func TestTheCursorStaysWithItsRow(t *testing.T) {
	s := open(t, 100, 24).press("2<down><down>") // counter/27
	at := s.model.cursor[actorPane]
	s.press("S") // the least called first
	if s.model.cursor[actorPane] != at || at != "counter/27" {
		t.Errorf("at %s, was at %s", s.model.cursor[actorPane], at)
	}
	s.wants("counter/27")
	s.press("<home>S").wants(">counter/29").press("S").wants(">counter/0")
	s.press("<end>")
	if s.model.cursor[actorPane] != "counter/29" {
		t.Errorf("the end is %s", s.model.cursor[actorPane])
	}
	s.press("2s").wants("LATENCY▼").press("1s").wants("STATE▲")
}

func TestTheRefreshIsSet(t *testing.T) {
	open(t, 100, 24).wants("every 1.0s").press("-").wants("every 2.0s").press("-----------").wants("every 60s").press(
		"++++++++++").wants("every 500ms")
}

func TestAClusterThatIsGone(t *testing.T) {
	s := open(t, 100, 24)
	s.source.err = errDown
	s.refresh()
	s.wants("as of 1.0s ago: no node answers: 127.0.0.1:7600 (connection refused)", "node-7600")
	s.source.err = nil
	s.refresh()
	s.lacks("as of")
}

func TestTextOfTheClustersIsHarmless(t *testing.T) {
	for _, keys := range []string{"5", "5<enter>"} {
		s := open(t, 100, 30).press(keys)
		for _, l := range s.model.Lines() {
			if strings.Contains(l, "\x1b[31mescape") {
				t.Errorf("an escape gets through: %q", l)
			}
		}
		s.wants("?[31mescape")
	}
}
