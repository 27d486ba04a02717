// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/kvtest"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

func openMemory(t *testing.T, e env.Env) kv.Store {
	s, err := occ.Open(e, occ.NewMemory(), occ.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestConformance shows that the store on memory answers as FoundationDB does, in both worlds.
func TestConformance(t *testing.T) {
	kvtest.Run(t, openMemory, kvtest.In(envtest.Both), kvtest.SharesVersions())
}
