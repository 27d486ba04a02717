// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// probe is a node that was asked who it is: its answer, or why there is none.
type probe struct {
	addr string
	info *api.ClusterInfo
	err  error
	// sent is this machine's wall clock when it was asked, took how long the answer took.
	sent time.Time
	took time.Duration
}

// examineAddress asks who is at an address. The first question connects, so that the second tells how long an answer
// takes.
func examineAddress(ctx context.Context, s *session, addr string) probe {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	p := probe{addr: addr}
	for range 2 {
		p.sent = time.Now()
		p.info, p.err = rpc.CallTyped[api.Empty, api.ClusterInfo](ctx, s.pool, addr, api.MethodClusterInfo,
			&api.Empty{})
		p.took = time.Since(p.sent)
		if p.err != nil {
			break
		}
	}
	return p
}

// examineCluster checks the cluster that the session's addresses are of.
func examineCluster(ctx context.Context, s *session) []finding {
	var all []finding
	var answered []probe
	for _, addr := range s.addrs {
		p := examineAddress(ctx, s, addr)
		all = append(all, checkAddress(&p, s.timeout))
		if p.err == nil {
			answered = append(answered, p)
		}
	}
	if len(answered) == 0 {
		return append(all, problem("cluster", "start a node with kelpie node start, or name one with --addr or "+
			"--context",
			"no node answers, so the cluster was not checked"))
	}
	all = append(all, checkSameCluster(answered)...)
	one := *s
	one.addrs = []string{answered[0].addr}
	members, nodes, lost, found := examineNodes(ctx, &one, answered)
	all = append(all, found...)
	all = append(all, checkVersions(programVersion(), rpc.ProtocolVersion, members)...)
	all = append(all, checkClocks(members)...)
	all = append(all, checkFailing(members))
	all = append(all, examineSteps(ctx, &one))
	if lost != "" { // what else is in the store can't be looked at, which is one problem
		return append(all, problem("store", storeAdvice, "%s", cli.OneLine(lost)))
	}
	all = append(all, examineStore(ctx, &one))
	return append(all, examineContents(ctx, &one, answered[0].info, nodes)...)
}

// examineNodes checks how the nodes stand, and whether each answers. It returns those that do, the rows of
// all, and what the node that was asked says of a store that it can't reach, "" if it can.
func examineNodes(ctx context.Context, s *session, answered []probe) (members []probe,
	rows []api.NodeRow, lost string, found []finding) {
	reply, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
	if storeIsLost(err) { // told by a node of an earlier release
		return answered, nil, cli.Message(err), nil
	}
	if err != nil {
		return answered, nil, "", []finding{failure("nodes", err, "look at the log of the node at "+s.addrs[0])}
	}
	all := checkNodes(reply.Nodes)
	for _, n := range reply.Nodes {
		if n.Incarnation == "" {
			continue // it holds no lease, and need not answer
		}
		i := slices.IndexFunc(answered, func(p probe) bool { return p.info.NodeID == n.Node })
		if i >= 0 {
			members = append(members, answered[i])
			continue
		}
		p := examineAddress(ctx, s, n.Address)
		if p.err == nil {
			members = append(members, p)
		}
		all = append(all, checkMember(n.Node, &p)...)
	}
	return members, reply.Nodes, reply.StoreLost, all
}

// storeIsLost reports whether an error says that a node can't reach its store.
func storeIsLost(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == api.CodeUnavailable && e.Detail[api.DetailStoreSilent] != ""
}

// examineSteps looks for clocks that were stepped, as far as nodes remember.
func examineSteps(ctx context.Context, s *session) finding {
	reply, err := ask[api.EventsRequest, api.EventsReply](ctx, s, api.MethodEvents, &api.EventsRequest{})
	if err != nil {
		return failure("clock steps", err, "look at the log of the node at "+s.addrs[0])
	}
	return checkSteps(reply.Events)
}

// examineStore measures a read of the store by way of a node.
func examineStore(ctx context.Context, s *session) finding {
	began := time.Now()
	_, err := ask[api.StoreScanRequest, api.StoreScanReply](ctx, s, api.MethodStoreScan,
		&api.StoreScanRequest{Limit: 1})
	return checkStore("by way of the node at "+s.addrs[0], time.Since(began), err)
}

// examineStoreURL opens a store, and measures how long it takes to get a read version.
func examineStoreURL(ctx context.Context, s *session, url string) finding {
	store, err := host.OpenStoreToRead(ctx, url)
	if err != nil {
		return checkStore("at "+url, 0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	tx := store.Begin(kv.TxOptions{})
	began := time.Now()
	_, err = tx.ReadVersion(ctx)
	took := time.Since(began)
	tx.Cancel()
	if closed := store.Close(); err == nil {
		err = closed
	}
	return checkStore("at "+url, took, err)
}

// examineContents checks leases, namespaces, dead letters and quarantined actors, as a node tells them.
func examineContents(ctx context.Context, s *session, info *api.ClusterInfo, nodes []api.NodeRow) []finding {
	const advice = "look at the log of the node that was asked"
	var all []finding
	leases, err := ask[api.Empty, api.LeasesReply](ctx, s, api.MethodLeases, &api.Empty{})
	if err != nil {
		all = append(all, failure("leases", err, advice))
	} else {
		all = append(all, checkLeases(leases.Leases, info.LeaseTTLMillis)...)
	}
	namespaces, err := allNamespaces(ctx, s)
	if err != nil {
		all = append(all, failure("namespaces", err, advice))
	} else {
		all = append(all, checkNamespaces(namespaces, nodes)...)
	}
	letters, err := ask[api.DeadLettersRequest, api.DeadLettersReply](ctx, s, api.MethodDeadLetters,
		&api.DeadLettersRequest{})
	if err != nil {
		all = append(all, failure("dead letters", err, advice))
	} else {
		all = append(all, checkDeadLetters(len(letters.Letters), letters.Next != ""))
	}
	quarantined, err := ask[api.QuarantinesRequest, api.QuarantinesReply](ctx, s, api.MethodQuarantines,
		&api.QuarantinesRequest{})
	if err != nil {
		return append(all, failure("quarantine", err, advice))
	}
	return append(all, checkQuarantines(quarantined.Quarantines)...)
}
