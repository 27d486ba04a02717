// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	// storeGood bounds a read of a store that is near and not overloaded.
	storeGood = 100 * time.Millisecond
	// clockGood bounds the difference of clocks that NTP keeps, with a margin.
	clockGood = 500 * time.Millisecond
)

// checkAddress judges what became of the question who is at an address.
func checkAddress(p *probe, timeout time.Duration) finding {
	const check = "address"
	switch code := api.CodeOf(p.err); {
	case p.err == nil:
		return healthy(check, "%s is node %s of cluster %s, and answers within %v", p.addr, p.info.NodeID,
			p.info.ClusterID, rounded(p.took))
	case errors.Is(p.err, syscall.ECONNREFUSED):
		return problem(check, "start the node there with kelpie node start, or correct --addr",
			"no process listens at %s: connection refused", p.addr)
	case code == api.CodeUnknownMethod:
		return problem(check, "give the address of a node; the address of a store served by kelpie store serve "+
			"does not do",
			"the program at %s is not a node", p.addr)
	case code == api.CodeMismatch:
		return problem(check, "use the same version of kelpie as the cluster", "can't talk to %s: %s", p.addr,
			cli.Message(p.err))
	case code == api.CodeDeadlineExceeded:
		return problem(check, "check whether the node hangs, or a firewall drops packets",
			"no answer from %s within %v",
			p.addr, timeout)
	}
	return problem(check, "correct --addr, or check what runs there", "no node answers at %s: %s", p.addr,
		cli.Reason(p.err))
}

// checkSameCluster wants all addresses to be of one cluster.
func checkSameCluster(answered []probe) []finding {
	first := answered[0]
	for _, p := range answered[1:] {
		if p.info.ClusterID != first.info.ClusterID {
			return []finding{problem("cluster", "pass nodes of one cluster to --addr, or make a context for each "+
				"with kelpie context add",
				"the addresses belong to two clusters: %s of %s, %s of %s", first.addr, first.info.ClusterID, p.addr,
				p.info.ClusterID)}
		}
	}
	return nil
}

// checkNodes judges how the nodes stand.
func checkNodes(nodes []api.NodeRow) []finding {
	const check = "nodes"
	var all []finding
	active := 0
	for _, n := range nodes {
		switch n.State {
		case "active":
			active++
		case "suspect":
			all = append(
				all, warning(check, "check whether it runs, and reaches the store",
					"node %s is suspect: its heartbeat is late", n.Node))
		case "draining":
			all = append(
				all, warning(check, "stop it, or let it accept actors again with: kelpie node undrain "+n.Node,
					"node %s is draining: it accepts no actors", n.Node))
		case "failed":
			all = append(
				all, warning(check, "start it again, or forget it with: kelpie node rm "+n.Node,
					"node %s has failed, and is still listed", n.Node))
		case "left":
			all = append(
				all, warning(check, "start it again, or forget it with: kelpie node rm "+n.Node,
					"node %s has left, and is still listed", n.Node))
		default:
			all = append(
				all, warning(check, "use the same version of kelpie as the cluster",
					"node %s is %q, which this version does not know", n.Node, n.State))
		}
		if len(n.UnreachableFrom) > 0 {
			all = append(all, warning(check, "look at the network between them, and at the address that "+n.Node+
				" advertises; see --fence-unreachable", "node %s can't be reached at %s from %s, and reaches the store",
				n.Node, n.Address, strings.Join(n.UnreachableFrom, ", ")))
		}
	}
	if active == 0 {
		return append(
			all, problem(check, "start a node with kelpie node start --join, or undrain one",
				"no node is active: none accepts actors"))
	}
	return append(all, healthy(check, "%s active", human.Counted(active, "node")))
}

// checkMember judges whether a node answers that others hold for alive.
func checkMember(name string, p *probe) []finding {
	const check = "nodes"
	switch {
	case p.err != nil:
		return []finding{problem(check, "check whether it hangs, and whether its --advertise address can be "+
			"reached from everywhere",
			"node %s does not answer at %s: %s", name, p.addr, cli.Reason(p.err))}
	case p.info.NodeID != name:
		return []finding{problem(check, "give each node an address of its own with --advertise",
			"node %s should be at %s, but node %s answers there", name, p.addr, p.info.NodeID)}
	}
	return nil
}

// checkVersions wants all nodes of a program to be of the same version, and this program that of the nodes of its own.
// Nodes of other programs have versions of their own, and need only speak the protocol.
func checkVersions(own string, ownProtocol int, nodes []probe) []finding {
	const check, advice = "versions", "finish the upgrade: restart the nodes of the older version with the " +
		"newer, one at a time"
	ownProgram := host.ProgramPath()
	programs, protocols := make(map[string]map[string][]string), make(map[string][]string)
	for _, p := range nodes {
		program := cmp.Or(p.info.Program, ownProgram) // nodes of earlier releases do not tell
		if programs[program] == nil {
			programs[program] = make(map[string][]string)
		}
		programs[program][p.info.Version] = append(programs[program][p.info.Version], p.info.NodeID)
		protocol := fmt.Sprint(p.info.ProtocolVersion)
		protocols[protocol] = append(protocols[protocol], p.info.NodeID)
	}
	var all []finding
	if len(protocols) > 1 {
		all = append(
			all, warning(check, advice, "nodes speak different versions of the protocol: %s", groups(protocols)))
	} else if spoken := fmt.Sprint(ownProtocol); len(nodes) > 0 && protocols[spoken] == nil {
		all = append(
			all, warning(check, "use the same version of kelpie as the cluster",
				"this program speaks version %s of the protocol, the nodes version %d", spoken,
				nodes[0].info.ProtocolVersion))
	}
	var same []string
	for _, program := range slices.Sorted(maps.Keys(programs)) {
		versions := programs[program]
		of := ""
		if len(programs) > 1 {
			of = " of " + program
		}
		switch {
		case len(versions) > 1:
			all = append(all, warning(check, advice, "nodes run different versions%s: %s", of, groups(versions)))
		case program == ownProgram && versions[own] == nil:
			all = append(
				all, warning(check, "use the same version of kelpie as the cluster",
					"this program is version %s, the nodes run %s", own, onlyKey(versions)))
		default:
			same = append(same, onlyKey(versions)+of)
		}
	}
	if len(all) > 0 {
		return all
	}
	if len(same) == 0 {
		same = []string{own}
	}
	return []finding{healthy(check, "all nodes run %s, with protocol version %d", strings.Join(same, " or "),
		ownProtocol)}
}

// onlyKey is the key of a map that has one.
func onlyKey(m map[string][]string) string {
	for key := range m {
		return cmp.Or(key, "unknown")
	}
	return ""
}

// groups writes versions with those that have each.
func groups(by map[string][]string) string {
	var all []string
	for version, nodes := range by {
		slices.Sort(nodes)
		all = append(all, cmp.Or(version, "unknown")+" ("+strings.Join(nodes, ", ")+")")
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// checkClocks compares the wall clock of each node with that of this machine.
func checkClocks(nodes []probe) []finding {
	const check = "clocks"
	const safe = "actors are safe, because ownership never depends on clocks"
	var all []finding
	told := 0
	for _, p := range nodes {
		then, err := time.Parse(time.RFC3339, p.info.Time)
		if err != nil {
			continue // a node of an older version does not tell
		}
		told++
		// It was told at some time between question and answer.
		off := then.Sub(p.sent.Add(p.took / 2))
		if off.Abs()-p.took/2 > clockGood {
			word := "ahead of"
			if off < 0 {
				word = "behind"
			}
			all = append(all, warning(check, "synchronize the clocks of all machines with NTP; "+safe,
				"the clock of node %s is %v %s this machine's: its alarms run, and its timestamps are, that much off",
				p.info.NodeID, off.Abs().Round(100*time.Millisecond), word))
		}
	}
	if len(all) > 0 {
		return all
	}
	if told == 0 {
		return []finding{healthy(check, "no node reports its time; %s", safe)}
	}
	return []finding{
		healthy(check, "the clocks of %s and this machine agree to within %v; %s", human.Counted(told, "node"),
			clockGood,
			safe)}
}

const storeAdvice = "check whether the store runs, and whether the nodes reach it"

// checkStore judges a read of the store that took so long or failed.
func checkStore(by string, took time.Duration, err error) finding {
	const check = "store"
	switch {
	case err != nil:
		return failure(check, err, storeAdvice)
	case took > storeGood:
		return warning(check, "check whether the store is overloaded or far away; every commit waits for it",
			"a read %s takes %v", by, rounded(took))
	}
	return healthy(check, "a read %s takes %v", by, rounded(took))
}

// checkLeases judges the leases, each of which lasts ttlMillis.
func checkLeases(leases []api.LeaseRow, ttlMillis int64) []finding {
	const check = "leases"
	var all []finding
	held := 0
	for _, l := range leases {
		if l.Incarnation == "" {
			continue
		}
		held++
		if l.TTLLeftMillis >= 0 && l.TTLLeftMillis < ttlMillis/3 {
			all = append(all, warning(check, "check whether it runs, and reaches the store: when its lease "+
				"expires, other nodes take its actors",
				"node %s has %s left of a lease of %s", l.Node, millis(l.TTLLeftMillis), millis(ttlMillis)))
		}
		if l.Revocations > 0 {
			all = append(all, warning(check, "none, if an operator did so with kelpie leases break --actor",
				"%s been taken from node %s under its lease", claims(l.Revocations), l.Node))
		}
	}
	if len(all) > 0 {
		return all
	}
	return []finding{healthy(check, "%s held", human.Counted(held, "lease"))}
}

func claims(n uint64) string {
	if n == 1 {
		return "1 actor has"
	}
	return fmt.Sprint(n, " actors have")
}

// checkNamespaces wants each to be hosted by more than one node, unless there is only one, and by one that accepts
// actors.
func checkNamespaces(namespaces []api.NamespaceRow, nodes []api.NodeRow) []finding {
	const check = "namespaces"
	var hosts []string
	for _, n := range namespaces {
		hosts = append(hosts, n.Nodes...)
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	var all []finding
	for _, n := range namespaces {
		switch {
		case len(n.Nodes) == 0:
			all = append(
				all, warning(check, "start a node whose program hosts it", "no node hosts namespace %s: calls to "+
					"its actors fail%s", n.Namespace, waiting(&n)))
		case len(nodes) > 0 && !takesActors(&n, nodes):
			all = append(
				all, problem(check, "start or undrain a node that hosts it", "no node that hosts namespace %s accepts "+
					"actors: %s%s", n.Namespace, hostStates(&n, nodes), waiting(&n)))
		case len(n.Nodes) == 1 && len(hosts) > 1:
			all = append(
				all, warning(check, "start another node whose program hosts it",
					"only node %s hosts namespace %s: its actors have nowhere else to go", n.Nodes[0], n.Namespace))
		}
	}
	if len(all) > 0 {
		return all
	}
	if len(hosts) == 1 {
		return []finding{
			healthy(check, "%s, all hosted by the only node", human.Counted(len(namespaces), "namespace"))}
	}
	return []finding{healthy(check, "%s, each hosted by more than one node",
		human.Counted(len(namespaces), "namespace"))}
}

// checkSteps judges whether a clock was stepped.
func checkSteps(events []api.Event) finding {
	const check = "clock steps"
	steps, last := 0, api.Event{}
	for _, e := range events {
		if e.Kind == api.EventClockStepped {
			steps, last = steps+1, e
		}
	}
	if steps == 0 {
		return healthy(check, "none that a node remembers")
	}
	return warning(check, "let NTP slew the clocks instead; alarms run early or late by a step, and actors are "+
		"safe",
		"%s, the last at %s on node %s: %s", human.Counted(steps, "step"), last.Time, last.Node, last.Cause)
}

// checkFailing judges how many alarms and messages fail, as nodes tell it.
func checkFailing(nodes []probe) finding {
	const check = "alarms and messages"
	alarms, sends := 0, 0
	for _, p := range nodes {
		alarms, sends = alarms+p.info.AlarmsFailing, sends+p.info.SendsFailing
	}
	if text := human.Failing(alarms, sends); text != "" {
		return warning(check, failingAdvice, "%s", text)
	}
	return healthy(check, "none of an active actor fails")
}

// checkDeadLetters judges how many there are; more says that there are still others.
func checkDeadLetters(n int, more bool) finding {
	const check, advice = "dead letters", "list them with kelpie actors dead-letters ls; then retry or remove them"
	switch {
	case more:
		return warning(check, advice, "more than %s: alarms and messages that have failed ten times",
			human.Counted(n, "dead letter"))
	case n > 0:
		return warning(check, advice, "%s: alarms and messages that have failed ten times",
			human.Counted(n, "dead letter"))
	}
	return healthy(check, "none")
}

// quarantinesNamed is how many quarantined actors are named.
const quarantinesNamed = 3

// checkQuarantines judges the actors that are refused.
func checkQuarantines(rows []api.QuarantineRow) []finding {
	const check, advice = "quarantine", "fix the method, then run kelpie actors quarantine clear; list all with " +
		"kelpie actors quarantine ls"
	if len(rows) == 0 {
		return []finding{healthy(check, "no actor has ended a node")}
	}
	var all []finding
	for i := range rows[:min(len(rows), quarantinesNamed)] {
		all = append(all, problem(check, advice, "actor %s is refused: its method %s has ended node %s", rows[i].Actor,
			rows[i].Method, rows[i].Node))
	}
	if more := len(rows) - quarantinesNamed; more > 0 {
		all = append(all, problem(check, advice, "%s more are refused", human.Counted(more, "actor")))
	}
	return all
}
