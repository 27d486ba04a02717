// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// found wants findings, in order, each by how its state and words begin.
func found(t *testing.T, name string, got []finding, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %+v, want %d findings", name, got, len(want))
		return
	}
	for i, f := range got {
		if !strings.HasPrefix(f.State+" "+f.Says, want[i]) {
			t.Errorf("%s: %s %s, want %s", name, f.State, f.Says, want[i])
		}
		if (f.State == stateOK) != (f.Advice == "") {
			t.Errorf("%s: %s with the advice %q", name, f.State, f.Advice)
		}
	}
}

// TestCheckMachine shows where the bounds are of what is enough for a node.
func TestCheckMachine(t *testing.T) {
	one := func(f finding) []finding { return []finding{f} }
	found(t, "files", one(checkOpenFiles(0, false)), "ok the limit is not known")
	found(t, "files", one(checkOpenFiles(openFilesMin-1, true)), "problem a process may open only 1023 files")
	found(t, "files", one(checkOpenFiles(openFilesMin, true)), "warning a process may open 1024 files")
	found(t, "files", one(checkOpenFiles(openFilesGood, true)), "ok a process may open 8192 files")
	found(t, "disk", one(checkDiskFree("/d", diskFreeMin-1)), "problem only 99MiB are free at /d")
	found(t, "disk", one(checkDiskFree("/d", diskFreeGood-1)), "warning 1023MiB are free at /d")
	found(t, "disk", one(checkDiskFree("/d", diskFreeGood)), "ok 1GiB are free at /d")
	found(t, "dir", one(checkDataDir("/d", "/d", syncGood, nil)),
		"ok /d is writable; a small durable write takes 50ms")
	found(t, "dir", one(checkDataDir("/d/e", "/d", syncGood, nil)),
		"ok /d/e does not exist yet, and can be created in /d; a small")
	found(t, "dir", one(checkDataDir("/d", "/d", syncGood+time.Millisecond, nil)),
		"warning /d is writable, but a small durable write takes 51ms")
	found(t, "dir", one(checkDataDir("/d", "/d", 0, &os.PathError{Op: "open", Path: "/d/x", Err: syscall.EACCES})),
		"problem /d can't be used: permission denied")
	found(t, "port", one(checkPort("h:1", nil, nil)), "ok h:1 is free")
	found(t, "port", one(checkPort("h:1", syscall.EADDRNOTAVAIL, &probe{})),
		"problem h:1 is not an address of this machine")
	found(t, "port", one(checkPort("h:1", syscall.EACCES, &probe{})),
		"problem can't listen at h:1: permission denied")
	found(t, "port", one(checkPort("h:1", syscall.EADDRINUSE, &probe{info: &api.ClusterInfo{NodeID: "a"}})),
		"ok node a listens at h:1")
}

// TestExamineMachine shows the same of a real port and real directories.
func TestExamineMachine(t *testing.T) {
	s := &session{connection: connection{timeout: 5 * time.Second}, env: env.Real()}
	s.pool = rpc.NewPool(s.env, tcp.New(), rpc.PoolConfig{})
	defer s.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // one that hangs up on everybody
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	addr := l.Addr().String()
	found(t, "a stranger", []finding{examinePort(context.Background(), s, addr)}, "problem the program at "+addr+
		" is not a node: ")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	found(t, "nobody", []finding{examinePort(context.Background(), s, addr)}, "ok "+addr+" is free")
	store := fakeNode(t, func(*rpc.Mux) {})
	found(t, "a store", []finding{examinePort(context.Background(), s, store)},
		"problem a store, or another program")

	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found(t, "a file", examineDataDir(file), "problem "+file+" can't be used: "+file+" is not a directory")
	found(t, "below a file", examineDataDir(filepath.Join(file, "x")), "problem "+filepath.Join(file, "x")+
		" can't be used: not a directory")
	found(t, "none", examineDataDir(""), "ok the store is in memory")
	if _, err := syncTime(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is missing: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

// TestCheckAddress shows what each way not to answer is taken for.
func TestCheckAddress(t *testing.T) {
	info := &api.ClusterInfo{NodeID: "a", ClusterID: "c"}
	for want, err := range map[string]error{
		"ok h:1 is node a of cluster c, and answers within 3ms": nil,
		"problem no process listens at h:1: connection refused": &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"problem the program at h:1 is not a node":              api.Errorf(api.CodeUnknownMethod, "x"),
		"problem can't talk to h:1: protocol versions differ": api.Errorf(api.CodeMismatch,
			"protocol versions differ"),
		"problem no answer from h:1 within 5s":             context.DeadlineExceeded,
		"problem no node answers at h:1: no such host":     &net.DNSError{Err: "no such host"},
		"problem no node answers at h:1: no route to host": syscall.EHOSTUNREACH,
	} {
		found(t, want,
			[]finding{checkAddress(&probe{addr: "h:1", info: info, err: err, took: 3 * time.Millisecond},
				5*time.Second)}, want)
	}
	of := func(cluster string) probe {
		return probe{addr: "h:" + cluster, info: &api.ClusterInfo{ClusterID: cluster}}
	}
	found(t, "one cluster", checkSameCluster([]probe{of("1"), of("1")}))
	found(t, "two clusters", checkSameCluster([]probe{of("1"), of("1"), of("2")}),
		"problem the addresses belong to two clusters: h:1 of 1, h:2 of 2")
}

// TestCheckNodes shows what is said of each state that a node can be in.
func TestCheckNodes(t *testing.T) {
	found(t, "all", checkNodes([]api.NodeRow{
		{Node: "a", State: "active"}, {Node: "b", State: "suspect"}, {Node: "c", State: "draining"},
		{Node: "d", State: "failed"}, {Node: "e", State: "left"}, {Node: "f", State: "new"},
	}), "warning node b is suspect", "warning node c is draining", "warning node d has failed",
		"warning node e has left", `warning node f is "new"`, "ok 1 node active")
	found(t, "none", checkNodes(nil), "problem no node is active")
	found(t, "draining", checkNodes([]api.NodeRow{{Node: "a", State: "draining"}}), "warning node a is draining",
		"problem no node is active")
	found(t, "a member", checkMember("a", &probe{info: &api.ClusterInfo{NodeID: "a"}}))
	found(t, "silent", checkMember("a", &probe{addr: "h:1", err: context.DeadlineExceeded}),
		"problem node a does not answer at h:1: no answer arrived in time")
	found(t, "another", checkMember("a", &probe{addr: "h:1", info: &api.ClusterInfo{NodeID: "b"}}),
		"problem node a should be at h:1, but node b answers there")
}

// TestCheckVersions shows that all must run the same, this program included.
func TestCheckVersions(t *testing.T) {
	of := func(node, version string, protocol int) probe {
		return probe{info: &api.ClusterInfo{NodeID: node, Version: version, ProtocolVersion: protocol}}
	}
	found(t, "same", checkVersions("v1", 1, []probe{of("a", "v1", 1), of("b", "v1", 1)}),
		"ok all nodes run v1, with protocol version 1")
	found(t, "upgrade", checkVersions("v2", 1, []probe{of("a", "v1", 1), of("b", "v2", 1), of("c", "v1", 1)}),
		"warning nodes run different versions: v1 (a, c), v2 (b)")
	other := of("c", "v7", 1)
	other.info.Program = "example.com/shop"
	found(t, "two programs", checkVersions("v1", 1, []probe{of("a", "v1", 1), other}),
		"ok all nodes run v7 of example.com/shop or v1 of "+host.ProgramPath())
	found(t, "another program alone", checkVersions("v1", 1, []probe{other}),
		"ok all nodes run v7, with protocol version 1")
	found(t, "an upgrade beside another program",
		checkVersions("v2", 1, []probe{of("a", "v1", 1), of("b", "v2", 1), other}),
		"warning nodes run different versions of "+host.ProgramPath()+": v1 (a), v2 (b)")
	found(t, "protocol", checkVersions("v2", 2, []probe{of("a", "v2", 1), of("b", "v2", 2)}),
		"warning nodes speak different versions of the protocol: 1 (a), 2 (b)")
	found(t, "older", checkVersions("v1", 1, []probe{of("a", "v2", 2)}), "warning this program speaks version 1 of "+
		"the protocol, the nodes version 2", "warning this program is version v1, the nodes run v2")
}

// TestCheckClocks shows that the time of the answer counts as uncertain, and that no clock endangers anything.
func TestCheckClocks(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	of := func(off, took time.Duration) probe {
		return probe{info: &api.ClusterInfo{NodeID: "a", Time: now.Add(off).Format(time.RFC3339Nano)}, sent: now,
			took: took}
	}
	found(t, "none", checkClocks([]probe{{info: &api.ClusterInfo{}}}), "ok no node reports its time")
	found(t, "same", checkClocks([]probe{of(0, 0), of(clockGood, 0), of(-clockGood, 0)}),
		"ok the clocks of 3 nodes and this machine agree")
	found(t, "slow answer", checkClocks([]probe{of(3*time.Second, 3*time.Second), of(0, 3*time.Second)}),
		"ok the clocks of 2 nodes")
	got := checkClocks([]probe{of(2*time.Second, 0), of(-time.Hour, 0)})
	found(t, "off", got, "warning the clock of node a is 2s ahead of this machine's",
		"warning the clock of node a is 1h0m0s behind this machine's")
	if !strings.Contains(got[0].Advice, "ownership never depends on clocks") {
		t.Error(got[0].Advice)
	}
}

// TestCheckContents shows what is said of the store, leases, namespaces, dead letters and quarantined actors.
func TestCheckContents(t *testing.T) {
	found(t, "store",
		[]finding{checkStore("by x", storeGood, nil), checkStore("by x", storeGood+time.Millisecond, nil),
			checkStore("by x", 0, errors.New("lost"))},
		"ok a read by x takes 100ms", "warning a read by x takes 101ms", "problem lost")
	found(t, "leases",
		checkLeases([]api.LeaseRow{{Node: "a", Incarnation: "1", TTLLeftMillis: 3334},
			{Node: "b", Incarnation: "1", TTLLeftMillis: -1}, {Node: "c", TTLLeftMillis: -1}}, 10000),
		"ok 2 leases held")
	found(t, "leases",
		checkLeases([]api.LeaseRow{{Node: "a", Incarnation: "1", TTLLeftMillis: 3332},
			{Node: "b", Incarnation: "1", TTLLeftMillis: 9000, Revocations: 2}, {Node: "c", Revocations: 1}}, 10000),
		"warning node a has 3.3s left of a lease of 10s", "warning 2 actors have been taken from node b")
	found(t, "namespaces",
		checkNamespaces(
			[]api.NamespaceRow{{Namespace: "n", Nodes: []string{"a"}}, {Namespace: "m", Nodes: []string{"a"}}}, nil),
		"ok 2 namespaces, all hosted by the only node")
	found(t, "namespaces", checkNamespaces([]api.NamespaceRow{{Namespace: "n", Nodes: []string{"a", "b"}}}, nil),
		"ok 1 namespace, each hosted by more than one node")
	found(t, "namespaces",
		checkNamespaces(
			[]api.NamespaceRow{{Namespace: "n", Nodes: []string{"a", "b"}}, {Namespace: "m", Nodes: []string{"b"}},
				{Namespace: "k", SetAside: 3}}, nil),
		"warning only node b hosts namespace m", "warning no node hosts namespace k: calls to its actors fail; alarms "+
			"or messages of at least 3 actors are set aside")
	found(t, "namespaces",
		checkNamespaces(
			[]api.NamespaceRow{{Namespace: "n", Nodes: []string{"a", "b"}}, {Namespace: "m", Nodes: []string{"c"}}},
			[]api.NodeRow{{Node: "a", State: "draining"}, {Node: "b", State: "active", Capacity: 5, Actors: 5},
				{Node: "c", State: "active"}}),
		"problem no node that hosts namespace n accepts actors: a is draining, b is full",
		"warning only node c hosts namespace m")
	found(t, "letters", []finding{checkDeadLetters(0, false), checkDeadLetters(1, false), checkDeadLetters(1000, true)},
		"ok none", "warning 1 dead letter:", "warning more than 1000 dead letters")
	one, two := &api.ClusterInfo{AlarmsFailing: 1}, &api.ClusterInfo{AlarmsFailing: 1, SendsFailing: 1}
	found(t, "failing", []finding{checkFailing(nil), checkFailing([]probe{{info: one}}),
		checkFailing([]probe{{info: one}, {info: two}})},
		"ok none", "warning 1 alarm of active actors failed", "warning 2 alarms and 1 message of active actors failed")
	found(t, "quarantine", checkQuarantines(nil), "ok no actor")
	bad := api.QuarantineRow{Actor: "cart/a", Method: "add", Node: "n1"}
	found(t, "quarantine", checkQuarantines([]api.QuarantineRow{bad, bad, bad, bad}),
		"problem actor cart/a is refused: its method add has ended node n1", "problem actor cart/a",
		"problem actor cart/a", "problem 1 actor more")
}

func TestCheckSteps(t *testing.T) {
	found(t, "none", []finding{checkSteps([]api.Event{{Kind: api.EventJoined}})}, "ok none")
	found(t, "two",
		[]finding{checkSteps(
			[]api.Event{{Kind: api.EventClockStepped, Node: "a"},
				{Kind: api.EventClockStepped, Node: "b", Time: "T", Cause: "by +3.0 s"}})},
		"warning 2 steps, the last at T on node b: by +3.0 s")
}
