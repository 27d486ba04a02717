// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// A client that does not reach the node that has its actor goes through another one, and pays for that once.
func TestAClientThatReachesOnlyOneNodeGoesByThat(t *testing.T) {
	for _, cut := range []string{"before", "after"} { // it has had a connection
		t.Run(cut, func(t *testing.T) {
			simulated(t, func(t *fixture) {
				t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
					if node == "b" {
						return one, nil
					}
					return api.InvokeReply{OwnerAddress: "b:1", Body: []byte{1}}, nil
				}
				call := func() time.Duration {
					began := t.env.Monotonic()
					if _, err := t.call(); err != nil {
						t.Fatalf("after %v: %v", t.env.Monotonic()-began, err)
					}
					return t.env.Monotonic() - began
				}
				if cut == "after" {
					call()
					call()
				}
				t.network.Block("client", "b")
				t.sleep(20 * time.Second)
				var worst, all time.Duration
				for range 600 {
					took := call()
					worst, all = max(worst, took), all+took
					t.sleep(100 * time.Millisecond)
				}
				if worst > 1100*time.Millisecond || all > 5*time.Second {
					t.Errorf("calls took up to %v, and %v together", worst, all)
				}
				t.network.Unblock("client", "b")
				t.sleep(40 * time.Second)
				for range 20 {
					call()
					t.sleep(time.Second)
				}
				if last := t.calls[len(t.calls)-1]; last != "b" {
					t.Errorf("the last call went to %s", last)
				}
			})
		})
	}
}

// A client stays with the cluster of its first connection: another one at a reused address has other actors of the
// same names.
func TestAClientRefusesAnotherCluster(t *testing.T) {
	simulated(t, func(t *fixture) {
		t.clusters = map[string]string{"a": "one", "b": "one"}
		t.answer = func(string, int, api.InvokeRequest) (api.InvokeReply, error) { return one, nil }
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		for _, node := range []string{"a", "b"} {
			t.restart(node)
		}
		t.clusters["a"] = "two"
		asked := len(t.calls)
		for range 6 { // b is the same cluster's still
			if _, err := t.call(); err != nil {
				t.Error(err)
			}
		}
		for _, node := range t.calls[asked:] {
			if node != "b" {
				t.Errorf("node %s was asked, of another cluster", node)
			}
		}
		t.restart("b")
		t.clusters["b"] = "two"
		asked = len(t.calls)
		_, err := t.call()
		if api.CodeOf(err) != api.CodeMismatch || !rpc.NotSent(err) || !strings.Contains(err.Error(), "two") ||
			!strings.Contains(err.Error(), "one") || len(t.calls) > asked {
			t.Errorf("a call to another cluster: %v", err)
		}
	})
}
