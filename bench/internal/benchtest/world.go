// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package benchtest

import (
	"context"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// DiskStore returns a store on disk, in a directory of its own, until the benchmark ends.
func DiskStore(b *testing.B) kv.Store {
	b.Helper()
	db, err := pebbledb.Open(b.TempDir(), pebbledb.Options{})
	Check(b, err)
	return open(b, db)
}

// MemoryStore returns a store in memory, until the benchmark ends.
func MemoryStore(b *testing.B) kv.Store {
	b.Helper()
	return open(b, occ.NewMemory())
}

func open(b *testing.B, engine occ.Engine) kv.Store {
	b.Helper()
	store, err := occ.Open(env.Real(), engine, occ.Options{})
	Check(b, err)
	b.Cleanup(func() { Check(b, store.Close()) })
	return store
}

// Node starts a node in this process that hosts kinds, until the benchmark ends. It listens on TCP.
func Node(b *testing.B, store kv.Store, kinds ...actor.Kind) *node.Node {
	b.Helper()
	n, err := node.New(node.Config{
		Env: env.Real(), Store: store, Transport: tcp.New(), NodeID: "n1", Listen: "127.0.0.1:0", Kinds: kinds,
	})
	Check(b, err)
	Check(b, n.Start(context.Background()))
	b.Cleanup(func() { Check(b, n.Stop(context.Background())) })
	return n
}

// Check ends the benchmark if there is an error.
func Check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
