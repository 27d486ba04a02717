// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !fdb

package host

import (
	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// openFDB refuses: FoundationDB's client is a C library, which the usual build does without.
func openFDB(string) (kv.Store, error) {
	return nil, cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "this program was built without FoundationDB"),
		"install FoundationDB's client library (foundationdb-clients 7.3), then build with: make build FDB=1, or: go "+
			"build -tags fdb ./cmd/kelpie",
	)
}

func stopFDB() error { return nil }
