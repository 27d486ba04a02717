// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !fdb

package node_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// openReal opens the store of nodes on goroutines; with the tag fdb it is FoundationDB.
func openReal(t *testing.T, e env.Env) kv.Store {
	t.Helper()
	store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
