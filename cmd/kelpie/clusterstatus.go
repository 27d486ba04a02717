// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// clusterStatus is the row of "cluster status".
type clusterStatus struct {
	ClusterID       string   `json:"cluster_id"`
	StoreURL        string   `json:"store_url"`
	Schema          int      `json:"schema"`
	ProtocolVersion int      `json:"protocol_version"`
	Versions        []string `json:"versions"`
	LeaseTTLMillis  int64    `json:"lease_ttl_ms"`
	HeartbeatMillis int64    `json:"heartbeat_ms"`
	Active          int      `json:"active"`
	Suspect         int      `json:"suspect"`
	Draining        int      `json:"draining"`
	Left            int      `json:"left"`
	Failed          int      `json:"failed"`
	Namespaces      int      `json:"namespaces"`
	Actors          int      `json:"actors"`
	Pending         int      `json:"pending"`
	Silent          []string `json:"silent"`
	Problems        []string `json:"problems"`
	AlarmsFailing   int      `json:"alarms_failing"`
	SendsFailing    int      `json:"sends_failing"`
}

var clusterStatusListing = listing[clusterStatus]{
	name: func(c *clusterStatus) string { return c.ClusterID },
	tall: true,
	fields: []field[clusterStatus]{
		{key: "cluster_id", meaning: "id of the cluster", header: "CLUSTER", cell: func(c *clusterStatus) string {
			return c.ClusterID
		}},
		{key: "store_url", meaning: "its store", header: "STORE", cell: func(c *clusterStatus) string {
			return c.StoreURL
		}},
		{key: "schema", meaning: "number of the store's schema", header: "SCHEMA", wide: true,
			cell: func(c *clusterStatus) string { return strconv.Itoa(c.Schema) }},
		{key: "protocol_version", meaning: "protocol version of the node that answers", header: "PROTOCOL",
			wide: true, cell: func(c *clusterStatus) string { return strconv.Itoa(c.ProtocolVersion) }},
		{key: "versions", meaning: "versions of the members' programs", header: "VERSIONS",
			cell: func(c *clusterStatus) string { return list(c.Versions) }},
		{key: "lease_ttl_ms", meaning: "time after which a silent node's actors move", header: "LEASE TTL",
			cell: func(c *clusterStatus) string { return millis(c.LeaseTTLMillis) }},
		{key: "heartbeat_ms", meaning: "interval of heartbeats", header: "HEARTBEAT",
			cell: func(c *clusterStatus) string { return millis(c.HeartbeatMillis) }},
		{key: "active", meaning: "nodes that accept actors", header: "NODES", cell: (*clusterStatus).nodes},
		{key: "suspect", meaning: "members whose heartbeat is late"},
		{key: "draining", meaning: "members that accept no actors"},
		{key: "left", meaning: "nodes that have stopped"},
		{key: "failed", meaning: "nodes that have lost their lease and not rejoined"},
		{key: "namespaces", meaning: "known namespaces", header: "NAMESPACES",
			cell: func(c *clusterStatus) string { return strconv.Itoa(c.Namespaces) }},
		{key: "actors", meaning: "active actors, as of the nodes' last heartbeats", header: "ACTORS",
			cell: func(c *clusterStatus) string { return strconv.Itoa(c.Actors) }},
		{key: "pending", meaning: "calls in their mailboxes, as of the nodes' last heartbeats", header: "PENDING",
			cell: func(c *clusterStatus) string { return strconv.Itoa(c.Pending) }},
		{key: "silent", meaning: "members that do not answer this command", header: "SILENT",
			wide: true, cell: func(c *clusterStatus) string { return list(c.Silent) }},
		{key: "problems", meaning: "what is wrong, one sentence each", header: "PROBLEMS",
			cell: func(c *clusterStatus) string { return dash(strings.Join(c.Problems, "; ")) }},
		{key: "alarms_failing", meaning: "alarms of active actors that have failed and are tried again",
			header: "FAILING ALARMS", wide: true,
			cell: func(c *clusterStatus) string { return strconv.Itoa(c.AlarmsFailing) }},
		{key: "sends_failing", meaning: "messages of active actors that have failed and are tried again",
			header: "FAILING SENDS", wide: true,
			cell: func(c *clusterStatus) string { return strconv.Itoa(c.SendsFailing) }},
	},
}

// nodes says how many nodes are in which state; of states that nobody is in, it says nothing.
func (c *clusterStatus) nodes() string {
	said := []string{fmt.Sprintf("%d active", c.Active)}
	for _, s := range []struct {
		nodes int
		state string
	}{{c.Suspect, "suspect"}, {c.Draining, "draining"}, {c.Left, "left"}, {c.Failed, "failed"}} {
		if s.nodes > 0 {
			said = append(said, fmt.Sprintf("%d %s", s.nodes, s.state))
		}
	}
	return strings.Join(said, ", ")
}

func (k *kelpie) clusterStatus() *cobra.Command {
	return listCommand[clusterStatus]{
		use:   "status",
		short: "Show the status of the cluster",
		long: `Show the status of the cluster in one row, with its problems. The exit code says
whether the status could be read, not whether all is well: scripts look at
"problems". The command asks every member. For a member that does not answer,
the row has what the store knows, and stderr says so.`,
		example: "  kelpie cluster status\n  kelpie cluster status -o json --watch",
		args:    cli.Args(),
		listing: clusterStatusListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]clusterStatus) error) error {
			row, lost, err := k.statusOf(ctx, s)
			if err != nil {
				return err
			}
			return cmp.Or(emit([]clusterStatus{*row}), errStoreLost(lost))
		},
	}.command(k)
}

// statusOf returns how the cluster stands, and what the node that answers says of a store that it can't reach, "" if it
// can.
func (k *kelpie) statusOf(ctx context.Context, s *session) (row *clusterStatus, lost string, err error) {
	info, err := ask[api.Empty, api.ClusterInfo](ctx, s, api.MethodClusterInfo, &api.Empty{})
	if err != nil {
		return nil, "", err
	}
	nodes, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return nil, "", err
	}
	var namespaces []api.NamespaceRow
	if nodes.StoreLost == "" {
		if namespaces, err = allNamespaces(ctx, s); err != nil {
			return nil, "", err
		}
	}
	row = newClusterStatus(info, nodes.Nodes, namespaces)
	if lost = nodes.StoreLost; lost != "" {
		row.Problems = append([]string{lost}, row.Problems...)
	}
	infos, silent := askMembers(ctx, s, nodes.Nodes)
	for _, info := range infos {
		row.AlarmsFailing += info.AlarmsFailing
		row.SendsFailing += info.SendsFailing
	}
	if text := human.Failing(row.AlarmsFailing, row.SendsFailing); text != "" {
		row.problem("%s: %s", text, failingAdvice)
	}
	for _, n := range silent {
		row.Silent = append(row.Silent, n.node)
		row.problem("node %s does not answer from here", n.node)
		human.Fprintf(k.Stderr, "partial: node %s at %s does not answer (%s); its figures are from its last "+
			"heartbeat\n", n.node, n.address, cli.Reason(n.err))
	}
	return row, lost, nil
}

// newClusterStatus sums up what a node has said.
func newClusterStatus(info *api.ClusterInfo, nodes []api.NodeRow, namespaces []api.NamespaceRow) *clusterStatus {
	row := &clusterStatus{
		ClusterID: info.ClusterID, StoreURL: info.StoreURL, Schema: info.Schema, ProtocolVersion: info.ProtocolVersion,
		LeaseTTLMillis: info.LeaseTTLMillis, HeartbeatMillis: info.HeartbeatMillis, Namespaces: len(namespaces),
		Versions: []string{}, Silent: []string{}, Problems: []string{},
	}
	for i := range nodes {
		row.add(&nodes[i])
	}
	slices.Sort(row.Versions)
	row.Versions = slices.Compact(row.Versions)
	programs := versionsOf(nodes)
	for _, program := range slices.Sorted(maps.Keys(programs)) {
		versions, of := programs[program], ""
		if len(programs) > 1 {
			of = " of " + program
		}
		if len(versions) > 1 {
			row.problem("the members run %d versions%s: %s", len(versions), of, strings.Join(versions, ", "))
		}
	}
	if row.Active == 0 {
		row.problem("no node accepts actors: start one, or undrain one")
	}
	for _, ns := range namespaces {
		switch {
		case len(ns.Nodes) == 0:
			row.problem("no member hosts namespace %s%s: start a node whose program does", ns.Namespace, waiting(&ns))
		case row.Active > 0 && !takesActors(&ns, nodes):
			row.problem("no node that hosts namespace %s accepts actors: %s%s", ns.Namespace, hostStates(&ns, nodes),
				waiting(&ns))
		}
	}
	return row
}

// waiting says whose alarms and messages a namespace without nodes has set aside, if any.
func waiting(ns *api.NamespaceRow) string {
	if ns.SetAside == 0 {
		return ""
	}
	return fmt.Sprintf("; alarms or messages of at least %s are set aside", human.Counted(int(ns.SetAside), "actor"))
}

// versionsOf returns the versions that members run, of each program. Nodes that do not tell their program count as of
// this one.
func versionsOf(nodes []api.NodeRow) map[string][]string {
	all := make(map[string][]string)
	for i := range nodes {
		if n := &nodes[i]; isMember(n) {
			program := cmp.Or(n.Program, host.ProgramPath())
			all[program] = append(all[program], dash(n.Version))
		}
	}
	for program, versions := range all {
		slices.Sort(versions)
		all[program] = slices.Compact(versions)
	}
	return all
}

// takesActors reports whether a node that hosts a namespace accepts actors, and has room.
func takesActors(ns *api.NamespaceRow, nodes []api.NodeRow) bool {
	return slices.ContainsFunc(nodes, func(n api.NodeRow) bool {
		full := n.Capacity > 0 && n.Actors >= n.Capacity
		return (n.State == "active" || n.State == "suspect") && !full && slices.Contains(ns.Nodes, n.Node)
	})
}

// hostStates says how the nodes that host a namespace stand.
func hostStates(ns *api.NamespaceRow, nodes []api.NodeRow) string {
	var said []string
	for _, n := range nodes {
		if !slices.Contains(ns.Nodes, n.Node) {
			continue
		}
		state := n.State
		if state == "active" {
			state = "full"
		}
		said = append(said, n.Node+" is "+state)
	}
	return strings.Join(said, ", ")
}

func (c *clusterStatus) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

// add adds a node to the sum.
func (c *clusterStatus) add(n *api.NodeRow) {
	switch n.State {
	case "active":
		c.Active++
	case "suspect":
		c.Suspect++
		c.problem("the heartbeat of node %s is late: check the node and its path to the store", n.Node)
	case "draining":
		c.Draining++
	case "failed":
		c.Failed++
		c.problem("node %s has failed: start it again, or 'kelpie node rm %s'", n.Node, n.Node)
	case "left":
		c.Left++
	}
	if !isMember(n) {
		return
	}
	if len(n.UnreachableFrom) > 0 {
		c.problem("node %s can't be reached from %s, and reaches the store", n.Node,
			strings.Join(n.UnreachableFrom, ", "))
	}
	c.Actors += n.Actors
	c.Pending += n.Pending
	c.Versions = append(c.Versions, dash(n.Version))
	if n.Capacity > 0 && n.Actors >= n.Capacity {
		c.problem("node %s is at its capacity of %s: add nodes, or raise --capacity", n.Node,
			human.Counted(n.Capacity, "actor"))
	}
}

func isMember(n *api.NodeRow) bool { return n.State != "left" && n.State != "failed" }

// silentNode is a member that does not answer.
type silentNode struct {
	node, address string
	err           error
}

const (
	// silenceMax is how long a member's answer is waited for.
	silenceMax = 2 * time.Second
	// askedAtOnce is how many members are asked at once.
	askedAtOnce = 32
)

// failingAdvice is what to do about alarms and messages that fail.
const failingAdvice = "see 'kelpie alarms ls --overdue -o wide' and 'kelpie sends ls --overdue -o wide'"

// askMembers asks every member who it is, and returns what they say, and those that do not answer, in order of name.
func askMembers(ctx context.Context, s *session, nodes []api.NodeRow) (infos []*api.ClusterInfo,
	silent []silentNode) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	errs := make([]error, len(nodes))
	answers := make([]*api.ClusterInfo, len(nodes))
	permits := make(chan struct{}, askedAtOnce)
	var asked sync.WaitGroup
	for i := range nodes {
		if !isMember(&nodes[i]) {
			continue
		}
		permits <- struct{}{}
		asked.Go(func() {
			defer func() { <-permits }()
			ctx, cancel := context.WithTimeout(ctx, silenceMax)
			defer cancel()
			answers[i], errs[i] = rpc.CallTyped[api.Empty, api.ClusterInfo](ctx, s.pool, nodes[i].Address,
				api.MethodClusterInfo, &api.Empty{})
		})
	}
	asked.Wait()
	for i, err := range errs {
		switch {
		case err != nil:
			silent = append(silent, silentNode{nodes[i].Node, nodes[i].Address, err})
		case answers[i] != nil:
			infos = append(infos, answers[i])
		}
	}
	return infos, silent
}
