// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// sparkWidth is how wide a sparkline of the detail is.
const sparkWidth = 30

func (m *Model) node(name string) *api.NodeOverview {
	for i := range m.stats.Nodes {
		if m.stats.Nodes[i].Node == name {
			return &m.stats.Nodes[i]
		}
	}
	return nil
}

func nodeDetail(m *Model, key string) [][2]string {
	n := m.node(key)
	if n == nil {
		return nil
	}
	out := [][2]string{
		{"node", n.Node + " at " + n.Address + ", " + shownState(n)},
		{"lease", fmt.Sprintf("%s left, last heartbeat %s ago, number %d; epoch %d, incarnation %s",
			millis(n.TTLLeftMillis), millis(n.AgeMillis), n.Beat, n.Epoch, n.Incarnation)},
	}
	if n.Silent != "" {
		out = append(out, [2]string{"silent", n.Silent})
	}
	if s := n.Stats; s != nil {
		if text := human.Failing(s.AlarmsFailing, s.SendsFailing); text != "" {
			out = append(out, [2]string{"failing", text})
		}
		out = append(out,
			[2]string{"calls/s", fmt.Sprintf("%s %s, %s failed", sparkline(m.history.rate[key], sparkWidth),
				human.Count(s.Rate), human.Count(s.FailedRate))},
			[2]string{"p99",
				fmt.Sprintf("%s %s, p50 %s", sparkline(m.history.p99[key], sparkWidth), micros(s.P99Micros),
					micros(s.P50Micros))},
			[2]string{"store",
				fmt.Sprintf("commits take %s, p99 %s", micros(s.StoreP50Micros), micros(s.StoreP99Micros))},
			[2]string{"actors", fmt.Sprintf("%d, about %s of %s; %d calls pending, at most %d with one actor", s.Actors,
				human.Bytes(s.ActorBytes), human.Bytes(s.MemoryBytes), s.Pending, s.Deepest)},
			[2]string{"since", fmt.Sprintf("%s ago: %d calls answered, %d with an error", millis(s.UptimeMillis),
				s.Calls, s.Failed)},
		)
	}
	return append(out,
		[2]string{"hosts", strings.Join(n.Namespaces, ", ")},
		[2]string{"zone", dash(n.Zone) + ", labels " + dash(strings.Join(n.Labels, ", ")) + ", version " +
			dash(n.Version)},
	)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func actorDetail(m *Model, key string) [][2]string {
	for i := range m.stats.Nodes {
		s := m.stats.Nodes[i].Stats
		if s == nil {
			continue
		}
		for j := range s.Top {
			if a := &s.Top[j]; a.Actor == key {
				running := "nothing"
				if a.Handler != "" {
					running = a.Handler + " for " + millis(a.RunningMillis)
				}
				return [][2]string{
					{"actor", a.Actor + " on " + a.Node},
					{"calls", fmt.Sprintf("recently %s per second, %d since it was activated %s ago",
						human.Count(a.Rate),
						a.Calls, millis(a.AgeMillis))},
					{"latency", micros(a.LatencyMicros) + " on average, from the mailbox to the answer"},
					{"mailbox", strconv.Itoa(a.Pending) + " calls, running: " + running},
					{"memory", human.Bytes(a.MemoryBytes) + ", last called " + millis(a.IdleMillis) + " ago"},
					{"state", "kelpie actors get " + a.Actor + " --state"},
				}
			}
		}
	}
	for _, a := range m.found {
		if a.Actor == key {
			return [][2]string{
				{"actor", a.Actor},
				{"owner", dash(a.Node) + ", " + a.State + ", token " + strconv.FormatUint(a.Token, 10) + ", since " +
					dash(a.Since)},
				{"calls", "not notable at present: see kelpie actors get " + a.Actor},
			}
		}
	}
	return nil
}

func eventDetail(m *Model, key string) [][2]string {
	for i := range m.stats.Events {
		if e := &m.stats.Events[i]; eventKey(e) == key {
			return [][2]string{
				{"time", e.Time + ", by the clock of " + e.By},
				{"event", e.Kind + " of node " + dash(e.Node)},
				{"what", dash(eventWhat(e))},
				{"moved", "from " + dash(e.From) + " to " + dash(e.To)},
				{"cause", dash(e.Cause)},
			}
		}
	}
	return nil
}
