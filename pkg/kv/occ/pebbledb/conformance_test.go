// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/kvtest"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// TestConformance shows that the store on Pebble, on a real disk, answers as FoundationDB does.
func TestConformance(t *testing.T) {
	open := func(t *testing.T, e env.Env) kv.Store {
		s, err := occ.Open(e, openOnDisk(t, t.TempDir()), occ.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	options := []kvtest.Option{kvtest.SharesVersions()}
	if envtest.RealOnly() {
		options = append(options, kvtest.OnlyConcurrent())
	}
	kvtest.Run(t, open, options...)
}
