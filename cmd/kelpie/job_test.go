// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// handle serves a method of a fake node.
func handle[Req, Resp any](mux *rpc.Mux, method string, f func(req *Req) (*Resp, error)) {
	rpc.HandleTyped(mux, method, func(_ context.Context, req *Req) (*Resp, error) { return f(req) })
}

// lookedAt is a fake node that can be looked at, and refuses all that changes something.
func lookedAt(t *testing.T) string {
	refused := api.Errorf(api.CodeUnavailable, "this answers nothing that changes something")
	return fakeNode(t, func(mux *rpc.Mux) {
		handle(mux, api.MethodNodes, func(*api.Empty) (*api.NodesReply, error) {
			return &api.NodesReply{Nodes: []api.NodeRow{{Node: "n", Incarnation: "1", State: "active", Actors: 3}}}, nil
		})
		handle(mux, api.MethodActorGet, func(*api.ActorGetRequest) (*api.ActorRow, error) {
			return &api.ActorRow{Node: "n", Token: 1, State: "owned"}, nil
		})
		handle(mux, api.MethodBulkStatus, func(*api.BulkStatusRequest) (*api.BulkStatus, error) {
			return &api.BulkStatus{Node: "n"}, nil
		})
		handle(mux, api.MethodBulk, func(req *api.BulkRequest) (*api.BulkStatus, error) {
			if !req.DryRun {
				return nil, refused
			}
			return &api.BulkStatus{Node: "n", Total: 3}, nil
		})
		handle(mux, api.MethodRebalance, func(req *api.RebalanceRequest) (*api.RebalanceReply, error) {
			if !req.Plan {
				return nil, refused
			}
			return &api.RebalanceReply{Moves: []api.BalanceMove{{From: "n", To: "m", Amount: 1}}}, nil
		})
		handle(mux, api.MethodLeaseBreak, func(*api.LeaseBreakRequest) (*api.LeaseBreakReply, error) {
			return nil, refused
		})
		handle(mux, api.MethodClaimBreak, func(*api.ClaimBreakRequest) (*api.ClaimBreakReply, error) {
			return nil, refused
		})
	})
}

// one decodes the row that -o json printed.
func one[R any](t *testing.T, r result) R {
	t.Helper()
	var row R
	if err := json.Unmarshal([]byte(r.stdout), &row); err != nil {
		t.Fatalf("no row: exit code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	return row
}

// jobNode is a fake node with a job that its status is asked of.
func jobNode(t *testing.T, began *int, status func() (*api.BulkStatus, error)) string {
	t.Helper()
	return fakeNode(t, func(mux *rpc.Mux) {
		handle(mux, api.MethodBulkStatus, func(*api.BulkStatusRequest) (*api.BulkStatus, error) { return status() })
		handle(mux, api.MethodBulk, func(req *api.BulkRequest) (*api.BulkStatus, error) {
			if !req.DryRun {
				*began++
			}
			return &api.BulkStatus{Node: "n", Job: 7, Kind: req.Kind, State: api.BulkRunning, Total: 10}, nil
		})
	})
}

// TestInterruptedJob shows that a job goes on when nobody follows it any more, and that the same command follows on.
func TestInterruptedJob(t *testing.T) {
	signals := make(chan os.Signal, 1)
	began, asked := 0, 0
	addr := jobNode(t, &began, func() (*api.BulkStatus, error) {
		asked++
		is := &api.BulkStatus{Node: "n"}
		if began > 0 {
			is = &api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkMigrate, State: api.BulkRunning, Total: 10, Moved: 4,
				Left: 6, Why: "an operator"}
		}
		switch asked {
		case 3:
			signals <- os.Interrupt
		case 9:
			is.State, is.Moved, is.Left = api.BulkDone, 10, 0
		}
		return is, nil
	})
	command := []string{"actors", "migrate", "--from", "n", "--all", "--yes", "--addr", addr}
	r := terminal{interactive: true, signals: signals}.run(command...)
	if r.code != cli.ExitInterrupted || r.stdout != "" || began != 1 {
		t.Errorf("%d begun: %+v", began, r)
	}
	for _, s := range []string{clearLine + "4 of 10 actors moved", "node n will continue by itself", "kelpie node show",
		"kelpie actors migrate --from n --cancel"} {
		if !strings.Contains(r.stderr, s) {
			t.Errorf("does not say %q: %q", s, r.stderr)
		}
	}
	r = terminal{}.run(append(command, "-o", "json")...)
	if b := one[api.BulkStatus](t, r); r.code != cli.ExitOK || b.Moved != 10 || b.State != api.BulkDone ||
		!strings.Contains(r.stderr, "already doing this") {
		t.Errorf("%+v: %+v", r, b)
	}
}

// TestLostJob shows what is said of a job that can't be followed to its end, and of one that has not done all.
func TestLostJob(t *testing.T) {
	for _, c := range []struct {
		name string
		is   api.BulkStatus
		err  error
		code int
		says []string
	}{
		{"restarted", api.BulkStatus{Node: "n", Job: 1, Kind: api.BulkDrain, State: api.BulkRunning}, nil,
			cli.ExitRefused, []string{"was restarted"}},
		{"gone", api.BulkStatus{}, api.Errorf(api.CodeFailedPrecondition, "node n is not a member of the cluster: it "+
			"is left"), cli.ExitRefused, []string{"it is left"}},
		{"cancelled", api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkDrain, State: api.BulkCancelled, Total: 10,
			Moved: 3}, nil, cli.ExitFailure, []string{"3 of 10 actors moved"}},
		{"timed out", api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkDrain, State: api.BulkTimedOut, Total: 10,
			Moved: 3, Left: 7}, nil, cli.ExitFailure, []string{"did not finish in time", "7 left"}},
		{"failed", api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkDrain, State: api.BulkDone, Total: 10, Moved: 9,
			Failed: 1, Failures: []api.BulkFailure{{Actor: "counter/a", Error: "no luck"}}}, nil,
			cli.ExitFailure, []string{"could not move 1 actor", "counter/a   no luck"}},
		{"left", api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkDrain, State: api.BulkDone, Total: 10, Moved: 9,
			Left: 1}, nil, cli.ExitUnavailable, []string{"still has 1 actor: no other node accepts them"}},
		{"nowhere", api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkDrain, State: api.BulkDone, Total: 12, Failed: 12,
			Left: 12, Reasons: []api.BulkReason{{Reason: "no host", Actors: 10}, {Reason: "all full", Actors: 2}}}, nil,
			cli.ExitUnavailable, []string{"still has 12 actors: 10: no host; 2: all full", "--wait"}},
		{"done", api.BulkStatus{Node: "n", Job: 7, Kind: api.BulkDrain, State: api.BulkDone, Total: 10, Moved: 10},
			nil, cli.ExitOK, []string{"done"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := 0
			addr := jobNode(t, &began, func() (*api.BulkStatus, error) {
				if began == 0 {
					return &api.BulkStatus{Node: "n"}, nil
				}
				return &c.is, c.err
			})
			r := terminal{}.run("node", "drain", "n", "--yes", "--addr", addr)
			if r.code != c.code {
				t.Errorf("exit code %d, want %d", r.code, c.code)
			}
			for _, s := range c.says {
				if !strings.Contains(r.stdout+r.stderr, s) {
					t.Errorf("does not say %q:\n%s%s", s, r.stdout, r.stderr)
				}
			}
		})
	}
}
