// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"
)

func TestConnectionsRespectTheLimitOfOpenFiles(t *testing.T) {
	limit, known := openFilesLimit()
	if !known {
		limit = 1 << 30
	}
	if n := connectionsOr(0); uint64(n) > limit || n < connectionsLeast || n > connectionsMost {
		t.Errorf("%d connections by default, with %d open files", n, limit)
	}
	err := checkConnections(int(min(limit, 1<<30)))
	if known && limit < 1<<30 && (err == nil || !strings.Contains(err.Error(), "ulimit -n")) {
		t.Errorf("as many connections as files: %v", err)
	}
	if err := checkConnections(-1); err == nil {
		t.Error("fewer than none are taken")
	}
}
