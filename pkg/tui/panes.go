// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// pane is one of the tables.
type pane struct {
	title   string
	columns []column
	// rows makes the rows of an answer.
	rows func(m *Model) []row
	// detail tells all about a row, in lines of a name and a value; nil has none.
	detail func(m *Model, key string) [][2]string
	sort   sorting
	// empty says what it means that there are no rows.
	empty string
}

// The panes, in the order of their keys.
const (
	nodePane = iota
	actorPane
	leasePane
	movePane
	eventPane
	paneCount
)

func newPanes() [paneCount]pane {
	return [paneCount]pane{
		nodePane: {title: "Nodes", columns: nodeColumns, rows: nodeRows, detail: nodeDetail, sort: sorting{column: 0},
			empty: "no nodes"},
		actorPane: {title: "Actors", columns: actorColumns, rows: actorRows, detail: actorDetail,
			sort:  sorting{column: 2},
			empty: "no actor is notable: showing those called recently; filter by NAMESPACE/ID to find others"},
		leasePane: {title: "Leases", columns: leaseColumns, rows: leaseRows, detail: nodeDetail,
			sort: sorting{column: 0}, empty: "no leases"},
		movePane: {title: "Moves", columns: moveColumns, rows: moveRows, sort: sorting{column: 3},
			empty: "no actor is moving"},
		eventPane: {title: "Events", columns: eventColumns, rows: eventRows, detail: eventDetail,
			sort: sorting{column: 0, reverse: true}, empty: "no events that a node remembers"},
	}
}

var nodeColumns = []column{
	{title: "NODE", width: 10, flex: true, rank: 0},
	{title: "STATE", width: 8, rank: 1},
	{title: "LEASE", width: 5, numeric: true, rank: 3},
	{title: "ACTORS", width: 6, numeric: true, rank: 2},
	{title: "CALLS/S", width: 8, numeric: true, rank: 4},
	{title: "P99", width: 6, numeric: true, rank: 5},
	{title: "DEPTH", width: 6, numeric: true, rank: 6},
	{title: "CPU", width: 5, numeric: true, rank: 7},
	{title: "MEM", width: 8, numeric: true, rank: 8},
	{title: "STORE", width: 6, numeric: true, rank: 9},
	{title: "CALLS/S LATELY", width: 20, rank: 10},
	{title: "FAILED/S", width: 9, numeric: true, rank: 11},
	{title: "UP", width: 5, numeric: true, rank: 12},
	{title: "ADDRESS", width: 21, rank: 13},
	{title: "ZONE", width: 8, rank: 14},
	{title: "VERSION", width: 12, rank: 15},
}

// micros is a time that was measured in microseconds; 0 is that nothing was.
func micros(us int64) string {
	if us == 0 {
		return "-"
	}
	return human.Duration(time.Duration(us) * time.Microsecond)
}

func millis(ms int64) string { return human.Duration(time.Duration(ms) * time.Millisecond) }

// stateTone is how the state of a node looks.
func stateTone(state string) tone {
	switch state {
	case "active", "owned":
		return good
	case "suspect", "draining", "orphaned":
		return warning
	case "failed", stateSilent:
		return bad
	}
	return faint
}

// stateSilent is that of a member that does not answer: its lease has not run out yet.
const stateSilent = "silent"

// shownState is a node's state, and that it does not answer.
func shownState(n *api.NodeOverview) string {
	if n.Silent != "" && n.State != "failed" && n.State != "left" {
		return stateSilent
	}
	return n.State
}

// leaseTone warns of a lease that runs out.
func leaseTone(m *Model, left int64) tone {
	ttl := m.stats.Cluster.LeaseTTLMillis
	switch {
	case left < 0 || ttl == 0:
		return faint
	case left < ttl/3:
		return bad
	case left < ttl*2/3:
		return warning
	}
	return plain
}

func nodeRows(m *Model) []row {
	var rows []row
	for i := range m.stats.Nodes {
		n := &m.stats.Nodes[i]
		state := shownState(n)
		r := row{key: n.Node, dead: n.Stats == nil}
		s := n.Stats
		if s == nil {
			s = &api.NodeStats{Actors: n.Actors, Pending: n.Pending, Rate: -1, FailedRate: -1, CPU: -1,
				MemoryBytes: -1, UptimeMillis: -1}
		}
		cpu := "-"
		if s.CPU >= 0 {
			cpu = strconv.FormatFloat(s.CPU, 'f', 0, 64) + "%"
		}
		lease := cell{text: millis(n.TTLLeftMillis), order: float64(n.TTLLeftMillis),
			tone: leaseTone(m, n.TTLLeftMillis)}
		r.cells = []cell{
			text(n.Node, strong), text(state, stateTone(state)), lease,
			number(strconv.Itoa(s.Actors), float64(s.Actors)),
			number(human.Count(s.Rate), s.Rate), number(micros(s.P99Micros), float64(s.P99Micros)),
			number(human.Count(float64(s.Pending)), float64(s.Pending)),
			number(cpu, s.CPU), number(human.Bytes(s.MemoryBytes), float64(s.MemoryBytes)),
			number(micros(s.StoreP99Micros), float64(s.StoreP99Micros)),
			toned(sparkline(m.history.rate[n.Node], 20), 0, accent), number(human.Count(s.FailedRate), s.FailedRate),
			number(millis(s.UptimeMillis), float64(s.UptimeMillis)), text(n.Address, plain), text(n.Zone, plain),
			text(n.Version, faint),
		}
		if s.FailedRate > 0 {
			r.cells[11].tone = warning
		}
		rows = append(rows, r)
	}
	return rows
}

var actorColumns = []column{
	{title: "ACTOR", width: 18, flex: true, rank: 0},
	{title: "NODE", width: 10, rank: 1},
	{title: "CALLS/S", width: 8, numeric: true, rank: 2},
	{title: "LATENCY", width: 8, numeric: true, rank: 3},
	{title: "DEPTH", width: 6, numeric: true, rank: 4},
	{title: "SIZE", width: 8, numeric: true, rank: 5},
	{title: "HANDLER", width: 12, rank: 6},
	{title: "IDLE", width: 6, numeric: true, rank: 7},
	{title: "AGE", width: 6, numeric: true, rank: 8},
	{title: "CALLS", width: 8, numeric: true, rank: 9},
}

// actorRows are the actors that stand out, and those that were found beside them.
func actorRows(m *Model) []row {
	var rows []row
	seen := make(map[string]bool)
	for i := range m.stats.Nodes {
		if m.stats.Nodes[i].Stats == nil {
			continue
		}
		for j := range m.stats.Nodes[i].Stats.Top {
			a := &m.stats.Nodes[i].Stats.Top[j]
			if seen[a.Actor] { // on its way from one node to the other
				continue
			}
			seen[a.Actor] = true
			latency := max(a.LatencyMicros, a.RunningMillis*1000)
			handler := text(a.Handler, plain)
			if a.RunningMillis >= 1000 {
				handler = text(a.Handler+" "+millis(a.RunningMillis), warning)
			}
			rows = append(rows, row{key: a.Actor, cells: []cell{
				text(a.Actor, strong), text(a.Node, plain), number(human.Count(a.Rate), a.Rate),
				number(micros(latency), float64(latency)),
				number(strconv.Itoa(a.Pending), float64(a.Pending)),
				number(human.Bytes(a.MemoryBytes), float64(a.MemoryBytes)), handler,
				number(millis(a.IdleMillis), float64(a.IdleMillis)), number(millis(a.AgeMillis), float64(a.AgeMillis)),
				number(human.Count(float64(a.Calls)), float64(a.Calls)),
			}})
		}
	}
	for _, a := range m.found {
		if seen[a.Actor] {
			continue
		}
		nobody := a.Node
		if nobody == "" {
			nobody = "(nobody)"
		}
		rows = append(rows, row{key: a.Actor, dead: true, cells: []cell{
			text(a.Actor, plain), text(nobody, plain), number("-", -1), number("-", -1), number("-", -1),
			number("-", -1), text("", plain),
			number("-", -1), number("-", -1), number("-", -1),
		}})
	}
	return rows
}

var leaseColumns = []column{
	{title: "NODE", width: 10, flex: true, rank: 0},
	{title: "STATE", width: 8, rank: 1},
	{title: "LEFT", width: 6, numeric: true, rank: 2},
	{title: "OF THE LEASE", width: 20, rank: 5},
	{title: "LAST BEAT", width: 9, numeric: true, rank: 3},
	{title: "BEAT", width: 8, numeric: true, rank: 6},
	{title: "EPOCH", width: 6, numeric: true, rank: 4},
	{title: "TAKEN", width: 6, numeric: true, rank: 7},
	{title: "ACTORS", width: 7, numeric: true, rank: 8},
	{title: "INCARNATION", width: 32, rank: 9},
}

func leaseRows(m *Model) []row {
	var rows []row
	ttl := float64(max(m.stats.Cluster.LeaseTTLMillis, 1))
	for i := range m.stats.Nodes {
		n := &m.stats.Nodes[i]
		state, what := shownState(n), leaseTone(m, n.TTLLeftMillis)
		left := ""
		if n.TTLLeftMillis >= 0 {
			left = bar(float64(n.TTLLeftMillis)/ttl, 20)
		}
		rows = append(rows, row{key: n.Node, dead: n.Stats == nil, cells: []cell{
			text(n.Node, strong), text(state, stateTone(state)),
			toned(millis(n.TTLLeftMillis), float64(n.TTLLeftMillis), what), {text: left, tone: what},
			number(millis(n.AgeMillis), float64(n.AgeMillis)), number(strconv.FormatUint(n.Beat, 10), float64(n.Beat)),
			number(strconv.FormatUint(n.Epoch, 10), float64(n.Epoch)),
			number(strconv.FormatUint(n.Revocations, 10), float64(n.Revocations)),
			number(strconv.Itoa(n.Actors), float64(n.Actors)), text(n.Incarnation, faint),
		}})
	}
	return rows
}

var moveColumns = []column{
	{title: "ACTORS", width: 20, flex: true, rank: 0},
	{title: "FROM", width: 12, rank: 1},
	{title: "TO", width: 12, rank: 2},
	{title: "FOR", width: 7, numeric: true, rank: 3},
	{title: "WHY", width: 24, flex: true, rank: 4},
}

// moveRows are the jobs that run, and the actors that are on their way.
func moveRows(m *Model) []row {
	var rows []row
	for i := range m.stats.Nodes {
		s := m.stats.Nodes[i].Stats
		if s == nil {
			continue
		}
		if j := s.Job; j != nil {
			to := j.To
			if to == "" {
				to = "(any)"
			}
			done := float64(j.Moved) / float64(max(j.Total, 1))
			what := fmt.Sprintf("%s %s %d of %d", bar(done, 8), j.Kind, j.Moved, j.Total)
			if j.Failed > 0 {
				what += fmt.Sprintf(", %d failed", j.Failed)
			}
			rows = append(rows, row{key: "job " + s.Node, cells: []cell{
				text(what, accent), text(s.Node, plain), text(to, plain),
				number(millis(j.ElapsedMillis), float64(j.ElapsedMillis)+1e12), text(j.Why, plain),
			}})
		}
		for _, v := range s.Moves {
			rows = append(rows, row{key: v.Actor, cells: []cell{
				text(v.Actor, strong), text(v.From, plain), text(v.To, plain),
				number(millis(v.AgeMillis), float64(v.AgeMillis)), text(v.Why, plain),
			}})
		}
	}
	return rows
}

var eventColumns = []column{
	{title: "TIME", width: 12, rank: 0},
	{title: "EVENT", width: 12, rank: 1},
	{title: "NODE", width: 10, rank: 2},
	{title: "WHAT", width: 18, flex: true, rank: 3},
	{title: "CAUSE", width: 18, flex: true, rank: 4},
}

// eventTones are those of kinds that want attention.
var eventTones = map[string]tone{
	api.EventFailed: bad, api.EventLeaseLost: bad, api.EventAbandoned: bad, api.EventCrashed: bad,
	api.EventDeadLetter: bad, api.EventStoreLost: bad,
	api.EventTakenOver: warning, api.EventClockStepped: warning, api.EventLeaseBroken: warning,
	api.EventClaimBroken: warning, api.EventStuck: warning, api.EventMoveFailed: warning,
	api.EventAlarmFailed: warning, api.EventSendFailed: warning,
	api.EventDraining: warning, api.EventLeft: warning, api.EventJoined: good, api.EventUndrained: good,
	api.EventStoreBack: good,
}

func eventRows(m *Model) []row {
	var rows []row
	for i := range m.stats.Events {
		e := &m.stats.Events[i]
		at := e.Time
		if t, err := time.Parse(time.RFC3339, e.Time); err == nil {
			at = t.UTC().Format("15:04:05.000")
		}
		rows = append(rows, row{key: eventKey(e), cells: []cell{
			text(at, faint), text(e.Kind, eventTones[e.Kind]), text(e.Node, strong), text(eventWhat(e), plain),
			text(e.Cause, plain),
		}})
	}
	return rows
}

func eventKey(e *api.Event) string { return e.By + "#" + strconv.FormatUint(e.Number, 10) }

// eventWhat says what an event is about, beside its node.
func eventWhat(e *api.Event) string {
	var parts []string
	switch {
	case e.Count > 1 && e.Actor != "":
		parts = append(parts, fmt.Sprintf("%d actors, including %s", e.Count, e.Actor))
	case e.Count > 1:
		parts = append(parts, fmt.Sprintf("%d actors", e.Count))
	case e.Actor != "":
		parts = append(parts, e.Actor)
	}
	if e.From != "" && e.From != e.Node {
		parts = append(parts, "from "+e.From)
	}
	if e.To != "" && e.To != e.Node {
		parts = append(parts, "to "+e.To)
	}
	return strings.Join(parts, " ")
}
