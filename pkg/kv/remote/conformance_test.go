// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"errors"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/kvtest"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// whole is a remote store that takes its server with it.
type whole struct {
	kv.Store
	pool   *rpc.Pool
	server *server
}

func (w whole) Close() error {
	err := w.Store.Close()
	w.pool.Close()
	return errors.Join(err, w.server.close())
}

func openOver(t *testing.T, e env.Env, listen, dial rpc.Transport, addr string) kv.Store {
	s := serveStore(t, e, listen, addr, occ.NewMemory(), nil)
	pool := rpc.NewPool(e, dial, rpc.PoolConfig{})
	return whole{Store: remote.Open(e, pool, s.listener.Addr()), pool: pool, server: s}
}

func openInProcess(t *testing.T, e env.Env) kv.Store {
	n := mem.NewNetwork(e)
	return openOver(t, e, n.Transport(e, "server"), n.Transport(e, "client"), addr)
}

func TestConformanceOverTCP(t *testing.T) {
	open := func(t *testing.T, e env.Env) kv.Store { return openOver(t, e, tcp.New(), tcp.New(), "127.0.0.1:0") }
	kvtest.Run(t, open, kvtest.SharesVersions())
}

// TestConformanceSimulated runs the suite under one interleaving of client, network and server.
func TestConformanceSimulated(t *testing.T) {
	one := func(t *testing.T, f func(t *testing.T, e env.Env)) {
		envtest.Simulated(t, 1, func(t *testing.T, s *coro.Scheduler) { f(t, s.Machine(coro.MainMachine)) })
	}
	kvtest.Run(t, openInProcess, kvtest.In(one), kvtest.SharesVersions())
}
