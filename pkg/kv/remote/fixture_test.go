// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// closeTimeout bounds the graceful end of a server, which has nothing to wait for.
const closeTimeout = time.Minute

// server is a store that is served, and can be served again by another life of the same process.
type server struct {
	env      env.Env
	store    *occ.Store
	service  *remote.Service
	rpc      *rpc.Server
	listener rpc.Listener
	serving  *env.Task
}

// serve serves the methods of mux at addr.
func serve(t *testing.T, e env.Env, transport rpc.Transport, addr string, mux *rpc.Mux) *server {
	t.Helper()
	l, err := transport.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{env: e, rpc: rpc.NewServer(e, rpc.ServerConfig{}, mux), listener: l}
	s.serving = env.Start(e, context.Background(), "serve", func(ctx context.Context) {
		if err := s.rpc.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serveStore serves a store on an engine, through what wrap makes of it.
func serveStore(t *testing.T, e env.Env, transport rpc.Transport, addr string, engine occ.Engine,
	wrap func(ryw.Backend) ryw.Backend) *server {
	t.Helper()
	store, err := occ.Open(e, engine, occ.Options{})
	if err != nil {
		t.Fatal(err)
	}
	backend := ryw.Backend(store)
	if wrap != nil {
		backend = wrap(store)
	}
	mux := rpc.NewMux()
	service := remote.Register(mux, e, backend)
	s := serve(t, e, transport, addr, mux)
	s.store, s.service = store, service
	return s
}

// close ends the server gracefully.
func (s *server) close() error {
	ctx, cancel := env.WithTimeout(s.env, context.Background(), closeTimeout)
	defer cancel()
	if s.service != nil {
		s.service.Close()
	}
	err := s.rpc.Close(ctx)
	s.serving.Stop()
	err = errors.Join(err, s.serving.Wait(ctx))
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

// lasting is an engine that outlives its store, as a disk does.
type lasting struct{ occ.Engine }

func (lasting) Close() error { return nil }

// fixture is a network with a store at "server:1" and a client of it.
type fixture struct {
	*testing.T
	env     env.Env
	ctx     context.Context
	network *mem.Network
	engine  occ.Engine
	server  *server
	pool    *rpc.Pool
	store   kv.Store
}

const addr = "server:1"

func newFixture(t *testing.T, e env.Env, wrap func(ryw.Backend) ryw.Backend) *fixture {
	f := &fixture{T: t, env: e, ctx: context.Background(), network: mem.NewNetwork(e), engine: lasting{occ.NewMemory()}}
	f.start(wrap)
	f.connect()
	return f
}

// newScripted returns a fixture whose server has the handlers of mux and no store.
func newScripted(t *testing.T, e env.Env, mux *rpc.Mux) *fixture {
	f := &fixture{T: t, env: e, ctx: context.Background(), network: mem.NewNetwork(e)}
	f.server = serve(t, e, f.network.Transport(e, "server"), addr, mux)
	f.connect()
	return f
}

func (f *fixture) start(wrap func(ryw.Backend) ryw.Backend) {
	f.Helper()
	f.server = serveStore(f.T, f.env, f.network.Transport(f.env, "server"), addr, f.engine, wrap)
}

func (f *fixture) connect() {
	f.pool = rpc.NewPool(f.env, f.network.Transport(f.env, "client"), rpc.PoolConfig{})
	f.store = remote.Open(f.env, f.pool, addr)
}

// client returns the store as another host sees it, and what ends that.
func (f *fixture) client(host string) (store kv.Store, end func()) {
	pool := rpc.NewPool(f.env, f.network.Transport(f.env, host), rpc.PoolConfig{})
	s := remote.Open(f.env, pool, addr)
	return s, func() {
		f.Helper()
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		pool.Close()
	}
}

// crash breaks the server's connections at once, and then ends what is left of it.
func (f *fixture) crash() {
	f.Helper()
	f.network.Cut("server")
	if err := f.server.close(); err != nil {
		f.Error(err)
	}
}

func (f *fixture) close() {
	f.Helper()
	if err := f.store.Close(); err != nil {
		f.Error(err)
	}
	f.pool.Close()
	if err := f.server.close(); err != nil {
		f.Error(err)
	}
}

func (f *fixture) begin() kv.Tx { return f.store.Begin(kv.TxOptions{}) }

func (f *fixture) put(key, value string) {
	f.Helper()
	tx := f.begin()
	tx.Set([]byte(key), []byte(value))
	f.must(tx.Commit(f.ctx))
}

func (f *fixture) wantValue(key, want string) {
	f.Helper()
	got, err := f.begin().Get(f.ctx, []byte(key))
	if err != nil || string(got) != want {
		f.Errorf("%q is %q, %v; want %q", key, got, err, want)
	}
}

func (f *fixture) sleep(d time.Duration) {
	f.Helper()
	f.must(env.Sleep(f.env, f.ctx, d))
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) want(what string, err, target error) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Errorf("%s: got error %v, want %v", what, err, target)
	}
}
