// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func TestNobodyThere(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		_, err := w.pool.Call(background, "nowhere:1", rpc.ClassCall, "echo", nil)
		wantCode(t, err, api.CodeUnavailable, true)
		if !strings.Contains(err.Error(), "nowhere:1") {
			t.Errorf("the error does not name the address: %v", err)
		}
		_, err = w.pool.Peer(background, "nowhere:1")
		wantCode(t, err, api.CodeUnavailable, true)
	})
}

func TestPeerCrashesWithCallsOnTheConnection(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		inFlight, _ := w.start(0, "gate", "")
		pop(t, g.entered)
		w.network.Cut("server")
		_, err := inFlight.Wait(background)
		wantCode(t, err, api.CodeUnknown, false)
		pop(t, g.ended) // the handler learns of it too

		_, err = w.call("echo", "")
		wantCode(t, err, api.CodeUnavailable, true)
		w.serve(rpc.ServerConfig{})
		ctx, cancel := env.WithTimeout(w.env, background, time.Minute)
		defer cancel()
		if _, err := w.pool.Connect(ctx, addr); err != nil {
			t.Fatal(err)
		}
		answer, err := w.call("echo", "back")
		wantAnswer(t, answer, err, "back")
	})
}

// What has certainly not left this process is told apart from what may have.
func TestBrokenConnectionTellsSentFromUnsent(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "connected")
		wantAnswer(t, answer, err, "connected")
		w.network.Partition("client", "server")
		// The first fills the network's window, the second is with the transport, which
		// waits for room; the third has to wait in the connection.
		first, _ := w.start(0, "echo", strings.Repeat("x", 2<<20))
		if err := env.Sleep(w.env, background, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		second, _ := w.start(0, "echo", "second")
		if err := env.Sleep(w.env, background, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		third, _ := w.start(0, "echo", "third")
		w.pool.Disconnect(addr, "the node is dead")
		_, err = first.Wait(background)
		wantCode(t, err, api.CodeUnknown, false)
		_, err = second.Wait(background)
		wantCode(t, err, api.CodeUnknown, false)
		_, err = third.Wait(background)
		wantCode(t, err, api.CodeUnavailable, true)
		if !strings.Contains(err.Error(), "the node is dead") {
			t.Errorf("the error does not tell the reason: %v", err)
		}
		w.network.Heal("client", "server")
		answer, err = w.call("echo", "again")
		wantAnswer(t, answer, err, "again")
	})
}

func TestSilentPeerIsFound(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "connected")
		wantAnswer(t, answer, err, "connected")
		// An idle connection lives as long as the peer answers pings.
		if err := env.Sleep(w.env, background, time.Hour); err != nil {
			t.Fatal(err)
		}
		if n := w.server.Stats().Connections; n != 1 {
			t.Errorf("%d connections after an idle hour", n)
		}
		w.network.Partition("client", "server")
		before := w.env.Monotonic()
		_, err = w.pool.Call(background, addr, rpc.ClassCall, "echo", nil)
		wantCode(t, err, api.CodeUnknown, false)
		if took := w.env.Monotonic() - before; took > 30*time.Second {
			t.Errorf("a dead peer was noticed after %v", took)
		}
		if err := env.Sleep(w.env, background, time.Minute); err != nil {
			t.Fatal(err)
		}
		if n := w.server.Stats().Connections; n != 0 {
			t.Errorf("the server still has %d connections to a peer that is gone", n)
		}
	})
}

func TestBackoffFailsFast(t *testing.T) {
	o := options{pool: rpc.PoolConfig{BackoffMin: time.Second, BackoffMax: 4 * time.Second}}
	inVirtualTime(t, 4, o, nil, func(t *testing.T, w *world) {
		w.network.Partition("client", "server") // dials take until their timeout
		_, err := w.call("echo", "")
		wantCode(t, err, api.CodeUnavailable, true)
		before := w.env.Monotonic()
		for range 10 {
			_, err := w.call("echo", "")
			wantCode(t, err, api.CodeUnavailable, true)
		}
		if took := w.env.Monotonic() - before; took != 0 {
			t.Errorf("calls during the pause took %v", took)
		}
		// The pause grows, but not without bound.
		failed := env.Start(w.env, background, "connect", func(context.Context) {
			ctx, cancel := env.WithTimeout(w.env, background, 10*time.Minute)
			defer cancel()
			_, err := w.pool.Connect(ctx, addr)
			if !rpc.NotSent(err) {
				t.Errorf("connect to nobody: %v", err)
			}
		})
		if err := failed.Wait(background); err != nil {
			t.Fatal(err)
		}
		w.network.Heal("client", "server")
		before = w.env.Monotonic()
		if _, err := w.pool.Connect(background, addr); err != nil {
			t.Fatal(err)
		}
		if took := w.env.Monotonic() - before; took > 5*time.Second+4*time.Second {
			t.Errorf("connected %v after the network healed", took)
		}
	})
}

// An operator reads that a peer went away and that it is back, not every try in between.
func TestAnOutageIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	o := options{pool: rpc.PoolConfig{BackoffMax: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	inVirtualTime(t, 1, o, nil, func(t *testing.T, w *world) {
		log.Reset()
		w.network.Partition("client", "server")
		ctx, cancel := env.WithTimeout(w.env, background, time.Minute)
		defer cancel()
		if _, err := w.pool.Connect(ctx, addr); !rpc.NotSent(err) {
			t.Fatalf("connect to nobody: %v", err)
		}
		w.network.Heal("client", "server")
		if _, err := w.pool.Connect(background, addr); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"cannot connect", "connected again"} {
			if n := strings.Count(log.String(), want); n != 1 {
				t.Errorf("%q is logged %d times:\n%s", want, n, log.String())
			}
		}
	})
}

func TestConnectWaitsForTheServer(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		w.network.Cut("server")
		connected := env.NewFuture[rpc.PeerInfo](w.env)
		w.env.Go("connect", func() { connected.Complete(w.pool.Connect(background, addr)) })
		if err := env.Sleep(w.env, background, 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		w.serve(rpc.ServerConfig{Identity: rpc.Identity{NodeID: "n1"}})
		if info := await(t, connected); info.NodeID != "n1" {
			t.Errorf("connected to %+v", info)
		}
	})
}

func TestMismatchIsRefusedWithItsReason(t *testing.T) {
	o := options{
		server: rpc.ServerConfig{Identity: rpc.Identity{ClusterID: named("blue")}},
		pool:   rpc.PoolConfig{Identity: rpc.Identity{ClusterID: named("red")}},
	}
	inWorld(t, o, nil, func(t *testing.T, w *world) {
		for range 2 { // dialling, and during the pause
			_, err := w.call("echo", "")
			wantCode(t, err, api.CodeMismatch, true)
			for _, part := range []string{addr, "blue", "red"} {
				if !strings.Contains(fmt.Sprint(err), part) {
					t.Errorf("the error does not tell %q: %v", part, err)
				}
			}
		}
		_, err := w.pool.Connect(background, addr)
		wantCode(t, err, api.CodeMismatch, true)
	})
}

// A node learns its cluster when it joins: connections made before, and tools, have none.
func TestNoClusterAgreesWithAny(t *testing.T) {
	o := options{server: rpc.ServerConfig{Identity: rpc.Identity{ClusterID: named("blue")}}}
	inWorld(t, o, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
	o = options{pool: rpc.PoolConfig{Identity: rpc.Identity{ClusterID: named("red")}}}
	inWorld(t, o, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
}

func TestAdmission(t *testing.T) {
	o := options{
		server: rpc.ServerConfig{Admit: func(peer rpc.PeerInfo, credentials string) error {
			if credentials != "open sesame" {
				return api.Errorf(api.CodePermissionDenied, "node %q has the wrong word", peer.NodeID)
			}
			return nil
		}},
		pool: rpc.PoolConfig{Identity: rpc.Identity{NodeID: "n2"}},
	}
	inWorld(t, o, nil, func(t *testing.T, w *world) {
		_, err := w.call("echo", "")
		wantCode(t, err, api.CodePermissionDenied, true)
		if !strings.Contains(err.Error(), `"n2" has the wrong word`) {
			t.Errorf("the reason got lost: %v", err)
		}
	})
	o.pool.Identity.Credentials = named("open sesame")
	inWorld(t, o, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	inWorld(t, options{server: rpc.ServerConfig{ConnectionsMax: 1}}, nil, func(t *testing.T, w *world) {
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
		other := rpc.NewPool(w.env, w.network.Transport(w.env, "other"), rpc.PoolConfig{})
		defer other.Close()
		_, err = other.Call(background, addr, rpc.ClassCall, "echo", nil)
		wantCode(t, err, api.CodeOverloaded, true)
		if !strings.Contains(err.Error(), "--max-connections") {
			t.Errorf("the refusal does not say why: %v", err)
		}
		if n := w.server.Stats().Refused; n != 1 {
			t.Errorf("%d refusals are counted", n)
		}
	})
}

func TestServerClosesGracefully(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		inFlight, _ := w.start(0, "gate", "")
		pop(t, g.entered)
		closed := env.NewFuture[struct{}](w.env)
		w.env.Go("close", func() { closed.Complete(struct{}{}, w.server.Close(background)) })
		// New calls fail as not executed, by the server's answer or for want of a listener.
		for {
			_, err := w.call("echo", "")
			if err != nil {
				if code := api.CodeOf(err); code != api.CodeUnavailable {
					t.Errorf("call of a server that closes: %v", err)
				}
				break
			}
		}
		if inFlight.Done() || closed.Done() {
			t.Error("closing did not wait for the request in flight")
		}
		g.open.Set()
		answer, err := inFlight.Wait(background)
		wantAnswer(t, answer, err, "late")
		await(t, closed)
		if n := w.server.Stats().Connections; n != 0 {
			t.Errorf("%d connections after closing", n)
		}
	})
}

// The caller closes a connection of which nothing is left to wait for: the server need not lose patience.
func TestClosingTakesNoLongerThanTheRequests(t *testing.T) {
	var requests *env.Queue[*rpc.Request]
	inVirtualTime(t, 4, options{}, func(m *rpc.Mux) {
		m.HandleAsync("manual", func(req *rpc.Request) { requests.TryPush(req) })
	}, func(t *testing.T, w *world) {
		requests = env.NewQueue[*rpc.Request](w.env, 0)
		for _, busy := range []bool{true, false} {
			answer, err := w.call("echo", "connected")
			wantAnswer(t, answer, err, "connected")
			if busy {
				w.start(0, "manual", "")
				req := pop(t, requests)
				w.env.AfterFunc(3*time.Second, func() { req.Reply(nil, nil) })
			}
			before := w.env.Monotonic()
			if err := w.server.Close(background); err != nil {
				t.Error(err)
			}
			took := w.env.Monotonic() - before
			if busy && took != 3*time.Second || !busy && took != 0 {
				t.Errorf("closing a server took %v (busy: %v)", took, busy)
			}
			w.serve(rpc.ServerConfig{})
		}
	})
}

func TestServerClosesAtOnceWhenAskedTo(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		inFlight, _ := w.start(0, "gate", "")
		pop(t, g.entered)
		ctx, cancel := env.WithCancel(background)
		cancel()
		if err := w.server.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("close with a request in flight: %v", err)
		}
		_, err := inFlight.Wait(background)
		wantCode(t, err, api.CodeUnknown, false)
		pop(t, g.ended)
	})
}

// The other calls of a connection that a stopping server has retired keep their deadlines, and can be cancelled.
func TestRetiredConnectionKeepsItsCalls(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		expiring, _ := w.start(w.env.Monotonic()+100*time.Millisecond, "gate", "")
		cancelled, cancel := w.start(0, "gate", "")
		pop(t, g.entered)
		pop(t, g.entered)
		closed := env.NewFuture[struct{}](w.env)
		w.env.Go("close", func() { closed.Complete(struct{}{}, w.server.Close(background)) })
		for { // until the connection is retired
			if _, err := w.call("echo", ""); rpc.NotSent(err) {
				break
			}
		}
		cancel()
		_, err := cancelled.Wait(background)
		wantCode(t, err, api.CodeCancelled, false)
		_, err = expiring.Wait(background)
		wantCode(t, err, api.CodeDeadlineExceeded, false)
		await(t, closed)
	})
}

func TestAnswersToThoseWhoLeftAreCounted(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		_, cancel := w.start(0, "manual", "")
		req := pop(t, g.entered)
		cancel()
		awaitEnd(t, w.env, req)
		req.Reply(nil, nil)
		lost, _ := w.start(0, "manual", "")
		req = pop(t, g.entered)
		w.pool.Disconnect(addr, "enough")
		_, err := lost.Wait(background)
		wantCode(t, err, api.CodeUnknown, false)
		awaitEnd(t, w.env, req)
		req.Reply(nil, nil)
		expired, _ := w.start(w.env.Monotonic()+20*time.Millisecond, "manual", "")
		req = pop(t, g.entered)
		_, err = expired.Wait(background)
		wantCode(t, err, api.CodeDeadlineExceeded, false)
		_, err = w.call("echo", "behind the cancellation")
		wantCode(t, err, api.CodeOK, false)
		req.Reply(nil, nil)
		if n := w.server.Stats().AnswersDropped; n != 3 {
			t.Errorf("%d answers dropped, want 3", n)
		}
	})
}

// awaitEnd waits until the server knows that nobody waits for the answer.
func awaitEnd(t *testing.T, e env.Env, req *rpc.Request) {
	t.Helper()
	ended := env.NewEvent(e)
	stop := env.OnDone(req.Context(), ended.Set)
	defer stop()
	if err := ended.Wait(background); err != nil {
		t.Fatal(err)
	}
}

func TestClosedPool(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		inFlight, _ := w.start(0, "gate", "")
		pop(t, g.entered)
		w.pool.Close()
		_, err := inFlight.Wait(background)
		wantCode(t, err, api.CodeUnknown, false)
		for _, to := range []string{addr, "never:1"} {
			_, err = w.pool.Call(background, to, rpc.ClassCall, "echo", nil)
			wantCode(t, err, api.CodeUnavailable, true)
		}
		_, err = w.pool.Connect(background, addr)
		wantCode(t, err, api.CodeUnavailable, true)
	})
}

func TestPoolClosedWhileDialling(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		w.network.Partition("client", "server")
		waiting, _ := w.start(0, "echo", "")
		w.pool.Close()
		_, err := waiting.Wait(background)
		wantCode(t, err, api.CodeUnavailable, true)
	})
}

func TestServeEndsWithItsContext(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		l, err := w.network.Transport(w.env, "server").Listen("server:2")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := env.WithCancel(background)
		served := env.NewFuture[struct{}](w.env)
		w.env.Go("serve", func() { served.Complete(struct{}{}, w.server.Serve(ctx, l)) })
		if _, err := w.pool.Call(background, "server:2", rpc.ClassCall, "echo", nil); err != nil {
			t.Error(err)
		}
		cancel()
		await(t, served)
		if _, err := w.pool.Call(background, "server:2", rpc.ClassCall, "echo", nil); err != nil {
			t.Errorf("a connection did not outlive its listener: %v", err)
		}
	})
}
