// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package node_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/fdb"
)

// openReal opens the store of nodes on goroutines: a part of the cluster that FDB_CLUSTER_FILE names, which nobody
// else has.
func openReal(t *testing.T, _ env.Env) kv.Store {
	t.Helper()
	store, err := fdb.Open(fdb.Options{Prefix: fmt.Sprintf("%s-%d/", t.Name(), time.Now().UnixNano())})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
