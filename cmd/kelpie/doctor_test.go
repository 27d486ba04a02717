// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// findings decodes what "doctor -o json" printed, whatever it found.
func findings(t *testing.T, r result) map[string][]finding {
	t.Helper()
	by := make(map[string][]finding)
	for _, f := range rows[finding](t, result{stdout: r.stdout, stderr: r.stderr}) {
		by[f.Check] = append(by[f.Check], f)
		if (f.Advice == "") != (f.State == stateOK) {
			t.Errorf("a finding without advice, or advice without a finding: %+v", f)
		}
	}
	return by
}

// TestDoctorOfACluster shows that nothing is found wrong with a cluster where nothing is, and that every format can
// be had.
func TestDoctorOfACluster(t *testing.T) {
	// With the default lease, so that a busy machine makes no node suspect.
	listen := serve(t, "node", "start", "--store", "memory:", "--node-id", "n1", "--listen", "127.0.0.1:0").address
	other := serve(t, "node", "start", "--join", listen, "--node-id", "n2", "--listen", "127.0.0.1:0").address
	args := []string{"doctor", "--addr", listen + "," + other, "--listen", listen, "--data-dir", t.TempDir(),
		"--store", "kelpie://" + listen}
	r := terminal{}.run(append(args, "-o", "json")...)
	if r.code != cli.ExitOK || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	by := findings(t, r)
	for check, n := range map[string]int{
		"contexts": 1, "open files": 1, "port": 1, "data directory": 1, "disk": 1, "address": 2, "nodes": 1,
		"versions": 1, "clocks": 1, "clock steps": 1, "store": 2,
		"leases": 1, "namespaces": 1, "dead letters": 1, "quarantine": 1,
	} {
		if len(by[check]) != n {
			t.Errorf("%s: %d findings, want %d", check, len(by[check]), n)
		}
	}
	for check, says := range map[string]string{
		"port": "node n1 listens at " + listen, "nodes": "2 nodes active", "clocks": "the clocks of 2 nodes",
		"namespaces": "each hosted by more than one node",
	} {
		if f := by[check][0]; f.State != stateOK || !strings.Contains(f.Says, says) {
			t.Errorf("%+v, want %q", f, says)
		}
	}
	terminal{}.run(args...).wants(t, cli.ExitOK, "ok        contexts ", "ok        open files ")
	terminal{}.run(append(args, "-o", "wide")...).wants(t, cli.ExitOK, "CHECK ", "STATE ", "FINDING ", "WHAT TO DO")
	terminal{}.run(append(args, "-o", "yaml")...).wants(t, cli.ExitOK, "- check: contexts\n")
	terminal{}.run(append(args, "-o", "name")...).wants(t, cli.ExitOK, "contexts\nopen files\nport\n")

	terminal{}.run("node", "drain", "n2", "--yes", "--addr", listen).wants(t, cli.ExitOK)
	by = findings(t, terminal{}.run(append(args, "-o", "json")...))
	if f := by["nodes"][0]; f.State != stateWarning || !strings.Contains(f.Says, "node n2 is draining") {
		t.Errorf("%+v", f)
	}
}

// TestDoctorWithoutACluster shows that the machine is checked all the same, and what is said of a cluster that is not
// there.
func TestDoctorWithoutACluster(t *testing.T) {
	dir := t.TempDir()
	term := terminal{
		env: map[string]string{"KELPIE_ADDR": nowhere, "XDG_CONFIG_HOME": dir,
			"KELPIE_DATA_DIR": filepath.Join(dir, "data")}}
	r := term.run("doctor", "-o", "json")
	if r.code != cli.ExitProblem || r.stderr != "error: found problems: 2 problems\n" {
		t.Errorf("%+v", r)
	}
	by := findings(t, r)
	for check, want := range map[string]finding{
		"address":        {State: stateProblem, Says: "no process listens at " + nowhere, Advice: "kelpie node start"},
		"cluster":        {State: stateProblem, Says: "no node answers", Advice: "kelpie node start"},
		"data directory": {State: stateOK, Says: "does not exist yet, and can be created in " + dir},
		"contexts":       {State: stateOK, Says: "has none"},
	} {
		if f := by[check]; len(f) != 1 || f[0].State != want.State || !strings.Contains(f[0].Says, want.Says) ||
			!strings.Contains(f[0].Advice, want.Advice) {
			t.Errorf("%+v, want %+v", f, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

// TestDoctorOfFiles shows that a file that can't be read is a finding, and not the end of the others.
func TestDoctorOfFiles(t *testing.T) {
	term, path := configured(t, "curent: a\n")
	nodeFile := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(nodeFile, []byte("listen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	term.env["KELPIE_ADDR"] = nowhere
	r := term.run("doctor", "-o", "json", "--config", nodeFile)
	by := findings(t, r)
	if f := by["contexts"][0]; r.code != cli.ExitProblem || f.State != stateProblem ||
		!strings.Contains(f.Says, path+`:1: unknown key "curent"`) {
		t.Errorf("%d %+v", r.code, f)
	}
	for _, check := range []string{"node configuration", "node settings"} {
		if f := by[check]; len(f) != 1 || f[0].State != stateProblem ||
			!strings.Contains(f[0].Says, nodeFile+":1: listen:") {
			t.Errorf("%+v", f)
		}
	}
	if len(by["address"]) != 1 || len(by["open files"]) != 1 {
		t.Errorf("the other checks were not made: %+v", by)
	}
	if err := os.WriteFile(nodeFile, []byte("store: \"memory:\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	by = findings(t, terminal{env: map[string]string{"KELPIE_ADDR": nowhere, "KELPIE_NODE_CONFIG": nodeFile}}.run(
		"doctor", "-o", "json"))
	if f := by["node configuration"][0]; f.State != stateOK || f.Says != nodeFile+" is understood" {
		t.Errorf("%+v", f)
	}
	if f := by["data directory"][0]; f.State != stateOK || !strings.Contains(f.Says, "in memory") {
		t.Errorf("%+v", f)
	}
}

// TestDoctorUsage shows what is refused before anything is looked at.
func TestDoctorUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"doctor", "x"}, "unexpected argument"},
		{[]string{"doctor", "--addr", "7600"}, "--addr"},
		{[]string{"doctor", "--timeout", "0"}, "--timeout"},
		{[]string{"doctor", "-o", "xml"}, "must be table, wide, json, yaml or name"},
	} {
		terminal{}.run(c.args...).wants(t, cli.ExitUsage, c.says)
	}
}

// TestDoctorOfASickCluster shows what is found when a node answers some questions only, and wrongly.
func TestDoctorOfASickCluster(t *testing.T) {
	lost := api.Errorf(api.CodeUnavailable, "the store is down")
	sick := fakeNode(t, func(mux *rpc.Mux) {
		rpc.HandleTyped(mux, api.MethodClusterInfo, func(context.Context, *api.Empty) (*api.ClusterInfo, error) {
			return &api.ClusterInfo{NodeID: "a", ClusterID: "c", Version: "old", ProtocolVersion: rpc.ProtocolVersion,
				Time: "2001-02-03T04:05:06Z"}, nil
		})
		rpc.HandleTyped(mux, api.MethodNodes, func(context.Context, *api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: []api.NodeRow{
				{Node: "a", State: "active", Incarnation: "1"},
				{Node: "b", State: "active", Incarnation: "1", Address: nowhere},
				{Node: "c", State: "failed", Address: nowhere},
			}}, nil
		})
		rpc.HandleTyped(mux, api.MethodStoreScan,
			func(context.Context, *api.StoreScanRequest) (*api.StoreScanReply, error) { return nil, lost })
		rpc.HandleTyped(mux, api.MethodLeases, func(context.Context, *api.Empty) (*api.LeasesReply, error) {
			return nil, lost
		})
		rpc.HandleTyped(mux, api.MethodNamespaces, func(context.Context, *api.Empty) (*api.NamespacesReply, error) {
			return nil, lost
		})
		rpc.HandleTyped(mux, api.MethodDeadLetters,
			func(context.Context, *api.DeadLettersRequest) (*api.DeadLettersReply, error) { return nil, lost })
		rpc.HandleTyped(mux, api.MethodQuarantines,
			func(context.Context, *api.QuarantinesRequest) (*api.QuarantinesReply, error) { return nil, lost })
	})
	other := fakeNode(t, handleInfo)
	r := terminal{}.run("doctor", "-o", "json", "--addr", sick+","+other, "--data-dir", t.TempDir(), "--store",
		"pebble:"+t.TempDir())
	by := findings(t, r)
	if r.code != cli.ExitProblem {
		t.Errorf("exit code %d", r.code)
	}
	for check, says := range map[string][]string{
		"cluster": {"problem the addresses belong to two clusters: " + sick + " of c, "},
		"nodes": {"warning node c has failed", "ok 2 nodes active", "problem node b does not answer at " +
			nowhere + ": connection refused"},
		"versions":     {"warning this program is version "},
		"clocks":       {"warning the clock of node a is "},
		"store":        {"problem the store is down", "problem there is no store in "},
		"leases":       {"problem the store is down"},
		"namespaces":   {"problem the store is down"},
		"dead letters": {"problem the store is down"},
		"quarantine":   {"problem the store is down"},
	} {
		for i, want := range says {
			if len(by[check]) != len(says) || !strings.HasPrefix(by[check][i].State+" "+by[check][i].Says, want) {
				t.Errorf("%s: %+v, want %q", check, by[check], want)
				break
			}
		}
	}
}
