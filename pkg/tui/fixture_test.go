// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// began is when the tests take place.
var began = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// fixture is a cluster of three nodes, of which one has just stopped answering, as it is after a number of seconds.
func fixture(second int) *api.ClusterStats {
	at := began.Add(time.Duration(second) * time.Second)
	node := func(i int, state string) api.NodeOverview {
		name := fmt.Sprintf("node-%d", 7600+i)
		rate := float64(1200*(i+1) + 150*((second*(i+3))%7))
		return api.NodeOverview{
			NodeRow: api.NodeRow{
				Node: name, Address: fmt.Sprintf("127.0.0.1:%d", 7600+i), State: state, Epoch: uint64(i + 1),
				Incarnation: strings.Repeat(fmt.Sprint(i+1), 32),
				Actors:      300 + i, Namespaces: []string{"cache", "counter", "kv"}, Version: "v1.0.0",
				Zone: string(rune('a' + i)), Labels: []string{"disk=ssd"},
				Started: "2026-11-01T11:00:00.000Z",
			},
			AgeMillis: 400, TTLLeftMillis: 4600, Beat: uint64(3600 + second), Revocations: uint64(i),
			Stats: &api.NodeStats{
				Node: name, WindowMillis: 1000, UptimeMillis: 3_600_000 + int64(second)*1000, Actors: 300 + i,
				Pending: 12 * i, Deepest: 4 * i, Calls: 4_321_000, Failed: 17, Rate: rate,
				FailedRate: float64(i) * 0.5, P50Micros: 180, P99Micros: int64(2400 * (i + 1)), StoreP50Micros: 900,
				StoreP99Micros: 3100, CPU: 40 * float64(i+1), MemoryBytes: 96 << 20,
				ActorBytes: 1 << 20, Moves: []api.MoveStats{}, Top: []api.ActorStats{}, Events: []api.Event{},
			},
		}
	}
	s := &api.ClusterStats{
		Cluster: api.ClusterInfo{ClusterID: "c0ffee1234567890", NodeID: "node-7600", LeaseTTLMillis: 5000,
			HeartbeatMillis: 1000},
		Time:  at.Format(time.RFC3339),
		Nodes: []api.NodeOverview{node(0, "active"), node(1, "draining"), node(2, "active")},
	}
	s.Nodes[1].Stats.Job = &api.BulkStatus{Node: "node-7601", Kind: "drain", Why: "an operator", Total: 400,
		Moved: 100, Failed: 1, ElapsedMillis: 2300}
	s.Nodes[1].Stats.Moves = []api.MoveStats{
		{Actor: "counter/7", From: "node-7601", To: "node-7600", Why: "an operator", AgeMillis: 3}}
	s.Nodes[1].Stats.Moving = 1
	s.Nodes[2].Stats, s.Nodes[2].Silent, s.Nodes[2].TTLLeftMillis, s.Nodes[2].AgeMillis = nil, "connection refused",
		1200, 3800
	for i := range 30 {
		n := s.Nodes[i%2].Stats
		a := api.ActorStats{Actor: fmt.Sprintf("counter/%d", i), Node: n.Node, Pending: i % 4, Calls: uint64(1000 * i),
			Rate: float64(i) * 1.5, LatencyMicros: int64(100 + 37*i), MemoryBytes: int64(900 + 100*i),
			AgeMillis: 60_000, IdleMillis: int64(30 * i)}
		if i == 7 {
			a.Handler, a.RunningMillis = "add", 12_000
		}
		n.Top = append(n.Top, a)
	}
	for i, e := range []api.Event{
		{Kind: api.EventJoined, Node: "node-7601", Cause: "at 127.0.0.1:7601, epoch 2"},
		{Kind: api.EventMigrated, Node: "node-7600", Actor: "counter/3", Count: 1, From: "node-7601", To: "node-7600",
			Cause: "an operator"},
		{Kind: api.EventFailed, Node: "node-7603", Cause: "no heartbeat for its lease of 5s, the last was number 812"},
		{Kind: api.EventTakenOver, Node: "node-7600", Actor: "kv/x", Count: 5231, From: "node-7603", To: "node-7600",
			Cause: "its node has failed"},
		{Kind: api.EventCrashed, Node: "node-7601", Actor: "kv/evil", Count: 1,
			Cause: "a cause with an \x1b[31mescape\n"},
	} {
		e.Time, e.By, e.Number = began.Add(time.Duration(i-60)*time.Second).Format("2006-01-02T15:04:05.000Z07:00"),
			"node-7600", uint64(i+1)
		s.Events = append(s.Events, e)
	}
	return s
}

// fakeSource is a cluster that is as it is told to be.
type fakeSource struct {
	stats  *api.ClusterStats
	err    error
	asked  int
	done   []Action
	doErr  error
	found  []api.ActorRow
	looked []string
}

func (f *fakeSource) Stats(context.Context) (*api.ClusterStats, error) {
	f.asked++
	return f.stats, f.err
}
func (f *fakeSource) Via() string { return "node-7600" }
func (f *fakeSource) Find(_ context.Context, prefix string, _ int) ([]api.ActorRow, error) {
	f.looked = append(f.looked, prefix)
	return f.found, nil
}
func (f *fakeSource) Do(_ context.Context, a Action) (string, error) {
	f.done = append(f.done, a)
	return "it is done", f.doErr
}

// screen is a view as its user has it.
type screen struct {
	*testing.T
	source *fakeSource
	model  *Model
	second int
	quit   bool
}

// open shows the fixture in a window.
func open(t *testing.T, width, height int) *screen {
	t.Helper()
	s := &screen{T: t, source: &fakeSource{}, model: New(nil, 0)}
	s.model.source = s.source
	s.model.Update(tea.WindowSizeMsg{Width: width, Height: height})
	for range 20 {
		s.refresh()
	}
	return s
}

// refresh is an answer a second later.
func (s *screen) refresh() {
	s.second++
	s.source.stats = fixture(s.second)
	s.model.Update(answered{s.source.stats, s.source.err, began.Add(time.Duration(s.second) * time.Second)})
}

// press presses keys, each a character or a name in <>, and runs what they ask for.
func (s *screen) press(keys string) *screen {
	s.Helper()
	for keys != "" {
		k := tea.KeyPressMsg{Code: []rune(keys)[0], Text: string([]rune(keys)[0])}
		rest := keys[len(string([]rune(keys)[0])):]
		if name, after, ok := strings.Cut(keys, ">"); ok && strings.HasPrefix(name, "<") {
			k, rest = tea.KeyPressMsg{Code: namedKeys[name[1:]]}, after
			if letter, ok := strings.CutPrefix(name, "<ctrl+"); ok {
				k = tea.KeyPressMsg{Code: rune(letter[0]), Mod: tea.ModCtrl}
			}
			if k.Code == 0 {
				s.Fatalf("no key %s", name)
			}
		}
		if k.Code == ' ' {
			k = tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
		}
		_, cmd := s.model.Update(k)
		s.run(cmd)
		keys = rest
	}
	return s
}

var namedKeys = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp, "tab": tea.KeyTab,
	"end": tea.KeyEnd, "home": tea.KeyHome,
	"backspace": tea.KeyBackspace, "left": tea.KeyLeft, "right": tea.KeyRight, "pgdown": tea.KeyPgDown,
}

// run runs a command to its end, and gives what comes of it to the view.
func (s *screen) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.QuitMsg:
		s.quit = true
	case done:
		msg.at = began.Add(time.Duration(s.second) * time.Second)
		s.model.Update(msg)
	case answered:
		msg.at = began.Add(time.Duration(s.second) * time.Second)
		s.model.Update(msg)
	default:
		s.model.Update(msg)
	}
}

var errDown = errors.New("no node answers: 127.0.0.1:7600 (connection refused)\nstart one with \"kelpie node start\"")
