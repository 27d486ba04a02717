// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// dialog asks whether to do something, and, of a migration, where to.
type dialog struct {
	action Action
	// says is what will happen.
	says string
	// targets are the nodes that an actor can move to, "" among them being any; chosen is the place of one.
	targets []string
	chosen  int
}

// action is what a key does to an actor or a node.
type action struct {
	verb    Verb
	ofActor bool
}

// actions are what the keys do, and to what.
var actions = map[string]action{
	"m": {Migrate, true}, "e": {Evict, true}, "d": {Drain, false}, "u": {Undrain, false}, "b": {BreakLease, false},
}

// begin asks whether to do what a key stands for to the row that is selected.
func (m *Model) begin(pressed string) tea.Cmd {
	if i := m.selected(); i >= 0 {
		m.offer(actions[pressed], m.rows[i].key)
	}
	return nil
}

// offer asks whether to do something to the actor or the node of a name.
func (m *Model) offer(do action, name string) {
	onActor := m.at == actorPane || m.at == movePane
	onNode := m.at == nodePane || m.at == leasePane
	switch {
	case do.ofActor && !onActor:
		m.refuse("select an actor first; they are in pane 2")
		return
	case !do.ofActor && !onNode:
		m.refuse("select a node first; they are in pane 1")
		return
	}
	d := &dialog{action: Action{Verb: do.verb}}
	switch do.verb {
	case Migrate:
		d.action.Actor = name
		d.targets = m.targets(name)
		d.says = fmt.Sprintf("Move actor %s to another node. Its calls wait for some milliseconds; none fails.", name)
	case Evict:
		d.action.Actor = name
		d.says = fmt.Sprintf("Deactivate actor %s. The next call activates it again, where placement puts it. "+
			"Nothing stored is lost.", name)
	default:
		d.action.Node = name
		d.says = m.foretell(do.verb, name)
	}
	m.dialog, m.mode = d, confirming
}

// foretell says what an action will do to a node.
func (m *Model) foretell(verb Verb, name string) string {
	n := m.node(name)
	switch {
	case n == nil:
		return ""
	case verb == Drain:
		return fmt.Sprintf("Drain node %s: it accepts no more actors, and its %d move to other nodes while they "+
			"continue to serve calls.", name, n.Actors)
	case verb == Undrain:
		return fmt.Sprintf("Let node %s accept actors again. A running drain ends.", name)
	}
	return fmt.Sprintf("Break the lease of node %s, which is %s at %s: it drops %d actors, which other nodes "+
		"take when they are called. Calls that it is executing fail with \"unknown\". If it is alive, it rejoins.",
		name, shownState(n), n.Address, n.Actors)
}

// targets are the nodes that take an actor: those that are active, host its namespace, have room for it, and do not
// have it already.
func (m *Model) targets(actor string) []string {
	namespace, _, _ := strings.Cut(actor, "/")
	owner := m.ownerOf(actor)
	out := []string{""}
	for i := range m.stats.Nodes {
		n := &m.stats.Nodes[i]
		full := n.Capacity > 0 && n.Actors >= n.Capacity
		if shownState(n) == "active" && n.Node != owner && !full && slices.Contains(n.Namespaces, namespace) {
			out = append(out, n.Node)
		}
	}
	return out
}

// ownerOf returns the node that has an actor, "" if none that is shown has it.
func (m *Model) ownerOf(actor string) string {
	for i := range m.stats.Nodes {
		s := m.stats.Nodes[i].Stats
		if s != nil && slices.ContainsFunc(s.Top, func(a api.ActorStats) bool { return a.Actor == actor }) {
			return m.stats.Nodes[i].Node
		}
	}
	return ""
}

func (m *Model) refuse(why string) {
	m.notice, m.badNews, m.noticeAt = why, true, m.now
}

// dialogKey answers the dialog. Enter alone does nothing: what can't be undone wants a yes.
func (m *Model) dialogKey(k tea.KeyPressMsg) tea.Cmd {
	d := m.dialog
	switch k.String() {
	case "y", "Y":
		m.dialog, m.mode = nil, browsing
		a := d.action
		if len(d.targets) > 0 {
			a.To = d.targets[d.chosen]
		}
		m.notice, m.badNews, m.noticeAt = "...", false, m.now
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(context.Background(), doTimeout)
			defer cancel()
			said, err := m.source.Do(ctx, a)
			return done{said, err, time.Now()}
		}
	case "n", "N", "esc", "q":
		m.dialog, m.mode = nil, browsing
	case "left", "up", "h", "k":
		d.choose(-1)
	case "right", "down", "l", "j", "tab":
		d.choose(1)
	}
	return nil
}

func (d *dialog) choose(by int) {
	if n := len(d.targets); n > 0 {
		d.chosen = (d.chosen + by + n) % n
	}
}
