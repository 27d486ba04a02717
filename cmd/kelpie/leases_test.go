// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// TestForetelling shows what is said before a lease or a claim is broken, and that --dry-run leaves it at that.
func TestForetelling(t *testing.T) {
	first, second := twoNodes(t)
	first.answers(t, "1", "counter/a", "add", "1")
	second.run("leases", "break", "n2", "--dry-run").wants(t, host.ExitOK, "node n2, which is active at 127.0.0.1:", "of epoch 1", "joins again", "nothing was broken")
	first.run("leases", "break", "--actor", "counter/a", "--dry-run").wants(t, host.ExitOK, "would lose actor counter/a", "under token 1", "nothing was broken")
	first.run("leases", "break", "--actor", "counter/never", "--dry-run").wants(t, host.ExitOK, "nobody owns")
	first.run("leases", "break", "n3", "--dry-run").wants(t, host.ExitNotFound, `"n3"`, "node ls")
	first.answers(t, "2", "counter/a", "add", "1")
	r := terminal{stdin: "y\n", env: first.env, interactive: true}.run("leases", "break", "--actor", "counter/a")
	r.wants(t, host.ExitOK, "would lose actor counter/a", "[y/N]", "taken from node n", "token 2")
	for _, row := range rows[api.LeaseRow](t, first.run("leases", "ls", "-o", "json")) {
		if row.Epoch != 1 {
			t.Errorf("the lease is %+v", row)
		}
	}
}
