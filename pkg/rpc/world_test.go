// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

var background = context.Background()

// world is a server on host "server" and a pool on host "client" of one network.
type world struct {
	t       *testing.T
	env     env.Env
	network *mem.Network
	mux     *rpc.Mux
	server  *rpc.Server
	pool    *rpc.Pool
	served  *env.Future[struct{}]
}

const addr = "server:1"

// options change what a world is made of.
type options struct {
	server rpc.ServerConfig
	pool   rpc.PoolConfig
}

// newWorld starts a server with the method "echo", and what register adds.
func newWorld(t *testing.T, e env.Env, o options, register func(m *rpc.Mux)) *world {
	t.Helper()
	w := &world{t: t, env: e, network: mem.NewNetwork(e), mux: rpc.NewMux()}
	w.mux.HandleAsync("echo", func(req *rpc.Request) { req.Reply(req.Payload, nil) })
	if register != nil {
		register(w.mux)
	}
	w.serve(o.server)
	w.pool = rpc.NewPool(e, w.network.Transport(e, "client"), o.pool)
	return w
}

// serve starts the server, in a new life of its host if it was cut.
func (w *world) serve(config rpc.ServerConfig) {
	w.t.Helper()
	w.server = rpc.NewServer(w.env, config, w.mux)
	w.served = serve(w.t, w.env, w.server, w.network.Transport(w.env, "server"), addr)
}

func serve(t *testing.T, e env.Env, s *rpc.Server, transport rpc.Transport, addr string) *env.Future[struct{}] {
	t.Helper()
	l, err := transport.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	served := env.NewFuture[struct{}](e)
	e.Go("serve", func() { served.Complete(struct{}{}, s.Serve(background, l)) })
	return served
}

// close ends everything, so that no goroutine is left.
func (w *world) close() {
	w.pool.Close()
	ctx, cancel := env.WithTimeout(w.env, background, time.Minute)
	defer cancel()
	if err := w.server.Close(ctx); err != nil {
		w.t.Errorf("close the server: %v", err)
	}
	if _, err := w.served.Wait(ctx); err != nil {
		w.t.Errorf("serve: %v", err)
	}
}

func (w *world) call(method string, payload string) (string, error) {
	ctx, cancel := env.WithTimeout(w.env, background, time.Minute)
	defer cancel()
	answer, err := w.pool.Call(ctx, addr, rpc.ClassCall, method, []byte(payload))
	return string(answer), err
}

// inWorld runs f in both kinds of Env.
func inWorld(t *testing.T, o options, register func(m *rpc.Mux), f func(t *testing.T, w *world)) {
	t.Helper()
	envtest.Both(t, func(t *testing.T, e env.Env) {
		w := newWorld(t, e, o, register)
		defer w.close()
		f(t, w)
	})
}

// inVirtualTime runs f in simulated Envs alone, with a number of seeds, for what takes long.
func inVirtualTime(t *testing.T, seeds int, o options, register func(m *rpc.Mux), f func(t *testing.T, w *world)) {
	t.Helper()
	envtest.Simulated(t, seeds, func(t *testing.T, s *coro.Scheduler) {
		w := newWorld(t, s.Machine(coro.MainMachine), o, register)
		defer w.close()
		f(t, w)
	})
}

func wantCode(t *testing.T, err error, code api.Code, notSent bool) {
	t.Helper()
	if _, ok := errors.AsType[*api.Error](err); !ok && err != nil {
		t.Errorf("error %v is a %T", err, err)
	}
	if api.CodeOf(err) != code || rpc.NotSent(err) != notSent {
		t.Errorf("got error %v (not sent: %v), want %v (not sent: %v)", err, rpc.NotSent(err), code, notSent)
	}
}

func wantAnswer(t *testing.T, answer string, err error, want string) {
	t.Helper()
	if err != nil || answer != want {
		t.Errorf("got %q, error %v; want %q", answer, err, want)
	}
}

// start makes a call of Start and returns what it will end with.
func (w *world) start(deadline time.Duration, method, payload string) (ended *env.Future[string], cancel func()) {
	ended = env.NewFuture[string](w.env)
	cancel = w.pool.Start(deadline, addr, rpc.ClassCall, method, []byte(payload), func(answer []byte, err error) {
		if !ended.Complete(string(answer), err) {
			w.t.Error("a call ended twice")
		}
	})
	return ended, cancel
}

func await[T any](t *testing.T, f *env.Future[T]) T {
	t.Helper()
	v, err := f.Wait(background)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// gate is a handler that answers "late" once it is opened, or when its request ends.
type gate struct {
	entered *env.Queue[*rpc.Request]
	ended   *env.Queue[error] // how contexts of requests ended
	open    *env.Event
}

func newGate(e env.Env) *gate {
	return &gate{entered: env.NewQueue[*rpc.Request](e, 0), ended: env.NewQueue[error](e, 0), open: env.NewEvent(e)}
}

func (g *gate) handle(ctx context.Context, req *rpc.Request) ([]byte, error) {
	g.entered.TryPush(req)
	if err := g.open.Wait(ctx); err != nil {
		g.ended.TryPush(err)
		return nil, err
	}
	return []byte("late"), nil
}

// gated runs f in a world whose method "gate" is g.handle, and whose method "manual" leaves the
// answer to who takes the request from g.entered.
func gated(t *testing.T, o options, f func(t *testing.T, w *world, g *gate)) {
	t.Helper()
	envtest.Both(t, func(t *testing.T, e env.Env) {
		g := newGate(e)
		w := newWorld(t, e, o, func(m *rpc.Mux) {
			m.Handle("gate", g.handle)
			m.HandleAsync("manual", func(req *rpc.Request) { g.entered.TryPush(req) })
		})
		defer w.close()
		f(t, w, g)
	})
}

func pop[T any](t *testing.T, q *env.Queue[T]) T {
	t.Helper()
	v, err := q.Pop(background)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func named(id string) func() string { return func() string { return id } }

func numbered(i int) string { return fmt.Sprint("call ", i) }
