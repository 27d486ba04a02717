// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

func TestEcho(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		for _, payload := range []string{"", "x", strings.Repeat("large", 1<<18)} {
			answer, err := w.call("echo", payload)
			if err != nil || answer != payload {
				t.Errorf("echo of %d bytes: %d bytes, error %v", len(payload), len(answer), err)
			}
		}
	})
}

func TestEachAnswerReachesItsCaller(t *testing.T) {
	inWorld(t, options{}, func(m *rpc.Mux) {
		m.Handle("task", func(_ context.Context, req *rpc.Request) ([]byte, error) { return req.Payload, nil })
	}, func(t *testing.T, w *world) {
		g := env.NewGroup(w.env, background)
		for caller := range 16 {
			g.Go("caller", func(context.Context) {
				for i := range 10 {
					payload := fmt.Sprint(caller, " ", i)
					method := []string{"echo", "task"}[i%2]
					answer, err := w.call(method, payload)
					wantAnswer(t, answer, err, payload)
				}
			})
		}
		if err := g.Wait(background); err != nil {
			t.Error(err)
		}
	})
}

func TestCallsOfAClassArriveInOrder(t *testing.T) {
	const calls = 200
	var next int
	inWorld(t, options{}, func(m *rpc.Mux) {
		next = 0
		m.HandleAsync("ordered", func(req *rpc.Request) {
			if string(req.Payload) != numbered(next) {
				t.Errorf("got %s, want %s", req.Payload, numbered(next))
			}
			next++
			req.Reply(nil, nil)
		})
	}, func(t *testing.T, w *world) {
		// The first wait for the connection, the others do not.
		var last *env.Future[string]
		for i := range calls {
			last, _ = w.start(0, "ordered", numbered(i))
			if i == calls/2 {
				if _, err := last.Wait(background); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := last.Wait(background); err != nil || next != calls {
			t.Errorf("%d calls arrived, error %v", next, err)
		}
	})
}

func TestErrorsCrossAsCodes(t *testing.T) {
	detail := map[string]string{"owner_node": "n2", "owner_address": "n2:1"}
	inWorld(t, options{}, func(m *rpc.Mux) {
		m.Handle("moved", func(context.Context, *rpc.Request) ([]byte, error) {
			return nil, fmt.Errorf("route: %w", &api.Error{
				Code: api.CodeMoved, Op: "node.invoke", Message: "gone", Detail: detail, Cause: io.ErrClosedPipe,
			})
		})
		m.Handle("plain", func(context.Context, *rpc.Request) ([]byte, error) { return nil, io.ErrClosedPipe })
		m.Handle("future", func(context.Context, *rpc.Request) ([]byte, error) {
			return nil, &api.Error{Code: 999, Message: "new"}
		})
		m.Handle("ok", func(context.Context, *rpc.Request) ([]byte, error) {
			return nil, &api.Error{Message: "without a code"}
		})
		m.Handle("long", func(context.Context, *rpc.Request) ([]byte, error) {
			return nil, &api.Error{Code: api.CodeMoved, Message: strings.Repeat("ä", 1<<20),
				Detail: map[string]string{"k": strings.Repeat("v", 1<<20)}}
		})
	}, func(t *testing.T, w *world) {
		_, err := w.call("moved", "")
		wantCode(t, err, api.CodeMoved, false)
		if e := api.ErrorFrom(err); !maps.Equal(e.Detail, detail) || !strings.Contains(e.Message, "gone") {
			t.Errorf("crossed as %+v", e)
		}
		_, err = w.call("plain", "")
		wantCode(t, err, api.CodeInternal, false)
		_, err = w.call("future", "")
		wantCode(t, err, 999, false)
		_, err = w.call("ok", "")
		wantCode(t, err, api.CodeInternal, false)
		_, err = w.call("long", "")
		wantCode(t, err, api.CodeMoved, false)
		if e := api.ErrorFrom(err); len(e.Message) > 8<<10 || strings.ContainsRune(e.Message, '\uFFFD') {
			t.Errorf("a long message crossed with %d bytes, or cut within a character", len(e.Message))
		}
		_, err = w.call("nothing", "")
		wantCode(t, err, api.CodeUnknownMethod, false)
	})
}

func TestSizesAreBounded(t *testing.T) {
	inWorld(t, options{}, func(m *rpc.Mux) {
		m.Handle("huge", func(context.Context, *rpc.Request) ([]byte, error) {
			return make([]byte, rpc.PayloadBytesMax+1), nil
		})
	}, func(t *testing.T, w *world) {
		_, err := w.pool.Call(background, addr, rpc.ClassCall, "echo", make([]byte, rpc.PayloadBytesMax+1))
		wantCode(t, err, api.CodeTooLarge, true)
		_, err = w.call(strings.Repeat("m", rpc.MethodBytesMax+1), "")
		wantCode(t, err, api.CodeTooLarge, true)
		_, err = w.pool.Call(background, addr, rpc.Classes, "echo", nil)
		wantCode(t, err, api.CodeInvalidArgument, true)
		_, err = w.call("huge", "")
		wantCode(t, err, api.CodeTooLarge, false)
		answer, err := w.call("echo", "still connected")
		wantAnswer(t, answer, err, "still connected")
	})
}

func TestLargestPayload(t *testing.T) {
	w := newWorld(t, env.Real(), options{}, nil)
	defer w.close()
	answer, err := w.pool.Call(background, addr, rpc.ClassBulk, "echo", make([]byte, rpc.PayloadBytesMax))
	if err != nil || len(answer) != rpc.PayloadBytesMax {
		t.Errorf("%d bytes, error %v", len(answer), err)
	}
}

func TestPeersKnowEachOther(t *testing.T) {
	o := options{
		server: rpc.ServerConfig{
			Identity: rpc.Identity{ClusterID: named("c1"), NodeID: "n1", Incarnation: named("i1")}},
		pool: rpc.PoolConfig{Identity: rpc.Identity{ClusterID: named("c1"), NodeID: "n2", Incarnation: named("i2")}},
	}
	inWorld(t, o, func(m *rpc.Mux) {
		m.HandleAsync("who", func(req *rpc.Request) {
			peer := req.Peer()
			req.Reply(fmt.Appendf(nil, "%s %s %s %d %s", peer.ClusterID, peer.NodeID, peer.Incarnation, peer.Version,
				req.Class()), nil)
		})
	}, func(t *testing.T, w *world) {
		for range 2 { // dialling, and connected
			got, err := w.pool.Peer(background, addr)
			want := rpc.PeerInfo{ClusterID: "c1", NodeID: "n1", Incarnation: "i1", Version: rpc.ProtocolVersion,
				Address: addr}
			if err != nil || got != want {
				t.Errorf("server is %+v, error %v", got, err)
			}
		}
		answer, err := w.call("who", "")
		wantAnswer(t, answer, err, "c1 n2 i2 1 call")
	})
}

func TestDeadlineTravels(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		ctx, cancel := env.WithTimeout(w.env, background, 50*time.Millisecond)
		defer cancel()
		before := w.env.Monotonic()
		_, err := w.pool.Call(ctx, addr, rpc.ClassCall, "gate", nil)
		wantCode(t, err, api.CodeDeadlineExceeded, false)
		at, ok := pop(t, g.entered).Deadline()
		if !ok || at < before {
			t.Errorf("deadline of the request is %v, %v; it was made at %v", at, ok, before)
		}
		if err := pop(t, g.ended); err == nil {
			t.Error("the handler's context ended without an error")
		}
	})
}

func TestDeadlineOfStart(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		later, _ := w.start(w.env.Monotonic()+80*time.Millisecond, "gate", "")
		sooner, _ := w.start(w.env.Monotonic()+40*time.Millisecond, "gate", "")
		_, err := sooner.Wait(background)
		wantCode(t, err, api.CodeDeadlineExceeded, false)
		if later.Done() && w.env.Monotonic() < 80*time.Millisecond {
			t.Error("a call ended before its deadline")
		}
		_, err = later.Wait(background)
		wantCode(t, err, api.CodeDeadlineExceeded, false)
		for range 2 {
			pop(t, g.ended) // by a deadline of its own, or by the caller's cancellation
		}
		past, _ := w.start(1, "gate", "")
		_, err = past.Wait(background)
		wantCode(t, err, api.CodeDeadlineExceeded, true)
	})
}

// until is a context that ends by a clock that is not the world's, as those of package context do.
type until struct {
	context.Context
	at time.Time
}

func (u until) Deadline() (time.Time, bool) { return u.at, true }

// A deadline centuries away is none that has passed: the sum of the two clocks does not fit.
func TestADeadlineBeyondTheClockIsFarAway(t *testing.T) {
	inVirtualTime(t, 1, options{}, nil, func(t *testing.T, w *world) {
		sleep(t, w.env, time.Second)
		ctx := until{background, w.env.Now().Add(math.MaxInt64)}
		answer, err := w.pool.Call(ctx, addr, rpc.ClassCall, "echo", []byte("there"))
		wantAnswer(t, string(answer), err, "there")
	})
}

func TestDeadlineWhileDialling(t *testing.T) {
	inVirtualTime(t, 4, options{}, nil, func(t *testing.T, w *world) {
		w.network.Partition("client", "server")
		ended, _ := w.start(w.env.Monotonic()+time.Second, "echo", "")
		ctx, cancel := env.WithTimeout(w.env, background, time.Second)
		defer cancel()
		_, err := w.pool.Call(ctx, addr, rpc.ClassCall, "echo", nil)
		wantCode(t, err, api.CodeUnavailable, true)
		_, err = ended.Wait(background)
		wantCode(t, err, api.CodeUnavailable, true)
		if now := w.env.Monotonic(); now > 1100*time.Millisecond {
			t.Errorf("deadlines of 1 s were noticed at %v", now)
		}
	})
}

func TestCancelReachesTheHandler(t *testing.T) {
	gated(t, options{}, func(t *testing.T, w *world, g *gate) {
		ctx, cancel := env.WithCancel(background)
		caller := env.Start(w.env, background, "caller", func(context.Context) {
			_, err := w.pool.Call(ctx, addr, rpc.ClassCall, "gate", nil)
			wantCode(t, err, api.CodeCancelled, false)
		})
		pop(t, g.entered)
		cancel()
		if err := caller.Wait(background); err != nil {
			t.Fatal(err)
		}
		pop(t, g.ended)

		ended, cancelStart := w.start(0, "gate", "")
		pop(t, g.entered)
		cancelStart()
		if !ended.Done() {
			t.Error("cancel returned before the call ended")
		}
		_, err := ended.Wait(background)
		wantCode(t, err, api.CodeCancelled, false)
		pop(t, g.ended)
		cancelStart() // does nothing

		if _, err = w.pool.Call(ctx, addr, rpc.ClassCall, "echo", nil); true {
			wantCode(t, err, api.CodeCancelled, true)
		}
	})
}

func TestCancelWhileDialling(t *testing.T) {
	inWorld(t, options{}, nil, func(t *testing.T, w *world) {
		w.network.Partition("client", "server")
		ended, cancel := w.start(0, "echo", "")
		cancel()
		_, err := ended.Wait(background)
		wantCode(t, err, api.CodeCancelled, true)
		w.network.Heal("client", "server")
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
}

func TestContextEndsWithTheAnswer(t *testing.T) {
	var before, after context.Context
	inWorld(t, options{}, func(m *rpc.Mux) {
		m.HandleAsync("before", func(req *rpc.Request) {
			before = req.Context()
			req.Reply(nil, nil)
		})
		m.HandleAsync("after", func(req *rpc.Request) {
			req.Reply(nil, nil)
			after = req.Context()
		})
	}, func(t *testing.T, w *world) {
		for _, method := range []string{"before", "after", "echo"} { // the last tells that the second is over
			if _, err := w.call(method, ""); err != nil {
				t.Fatal(err)
			}
		}
		if before.Err() == nil || after.Err() == nil {
			t.Errorf("contexts of answered requests: %v, %v", before.Err(), after.Err())
		}
	})
}

func TestSecondReplyPanics(t *testing.T) {
	inWorld(t, options{}, func(m *rpc.Mux) {
		m.HandleAsync("twice", func(req *rpc.Request) {
			defer func() {
				if recover() == nil {
					t.Error("a second answer does not panic")
				}
			}()
			req.Reply([]byte("first"), nil)
			req.Reply([]byte("second"), nil)
		})
	}, func(t *testing.T, w *world) {
		answer, err := w.call("twice", "")
		wantAnswer(t, answer, err, "first")
	})
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	gated(t, options{server: rpc.ServerConfig{RequestsMax: 2}}, func(t *testing.T, w *world, g *gate) {
		first, _ := w.start(0, "gate", "")
		second, _ := w.start(0, "gate", "")
		_, err := w.call("gate", "")
		wantCode(t, err, api.CodeOverloaded, false)
		g.open.Set()
		for _, f := range []*env.Future[string]{first, second} {
			answer, err := f.Wait(background)
			wantAnswer(t, answer, err, "late")
		}
	})
}

func TestCallsInFlightAreBounded(t *testing.T) {
	gated(t, options{pool: rpc.PoolConfig{CallsMax: 2}}, func(t *testing.T, w *world, g *gate) {
		first, _ := w.start(0, "gate", "") // two wait for the dial
		second, _ := w.start(0, "gate", "")
		_, err := w.call("echo", "")
		wantCode(t, err, api.CodeOverloaded, true)
		pop(t, g.entered)
		pop(t, g.entered)
		_, err = w.call("echo", "") // two wait for their answers
		wantCode(t, err, api.CodeOverloaded, true)
		g.open.Set()
		for _, f := range []*env.Future[string]{first, second} {
			answer, err := f.Wait(background)
			wantAnswer(t, answer, err, "late")
		}
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
}

// A caller that does not read its answers is not read from, rather than answered into memory without end.
func TestAnswersQueuedAreBounded(t *testing.T) {
	var handled int
	answer := make([]byte, 256<<10)
	inVirtualTime(t, 1, options{server: rpc.ServerConfig{QueuedBytesMax: 1 << 20}}, func(m *rpc.Mux) {
		handled = 0
		m.HandleAsync("large", func(req *rpc.Request) {
			handled++
			req.Reply(answer, nil)
		})
	}, func(t *testing.T, w *world) {
		if _, err := w.call("large", ""); err != nil {
			t.Fatal(err)
		}
		w.network.SetLatency(time.Second) // nothing that is sent gets there before
		var calls []*env.Future[string]
		for range 60 {
			ended, _ := w.start(0, "large", "")
			calls = append(calls, ended)
		}
		if err := env.Sleep(w.env, background, 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if handled > 20 {
			t.Errorf("%d answers of 256 KiB are made before any is read", handled)
		}
		w.network.SetLatency(0)
		for _, ended := range calls {
			if _, err := ended.Wait(background); err != nil {
				t.Error(err)
			}
		}
	})
}

// Errors that wait to be sent take memory like any other answer: they count on the budget of all connections.
func TestErrorsQueuedCountOnTheBudget(t *testing.T) {
	var handled int
	fails := api.Errorf(api.CodeInvalidArgument, "%s", strings.Repeat("no ", 2000))
	inVirtualTime(t, 1, options{server: rpc.ServerConfig{Budget: rpc.NewBudget(1 << 20)}}, func(m *rpc.Mux) {
		handled = 0
		m.HandleAsync("fail", func(req *rpc.Request) {
			handled++
			req.Reply(nil, fails)
		})
	}, func(t *testing.T, w *world) {
		_, err := w.call("fail", "")
		wantCode(t, err, api.CodeInvalidArgument, false)
		w.network.SetLatency(time.Second) // nothing that is sent gets there before
		var calls []*env.Future[string]
		for range 1000 {
			ended, _ := w.start(0, "fail", "")
			calls = append(calls, ended)
		}
		if err := env.Sleep(w.env, background, 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if handled > 400 { // some are on their way already
			t.Errorf("%d errors of 6 kB are queued, and the budget is 1 MiB", handled)
		}
		w.network.SetLatency(0)
		for _, ended := range calls {
			_, err := ended.Wait(background)
			if api.CodeOf(err) != api.CodeOverloaded {
				wantCode(t, err, api.CodeInvalidArgument, false)
			}
		}
	})
}

// Requests that are being served count on the budget, however small they are: a task of its own serves each.
func TestRequestsBeingServedCountOnTheBudget(t *testing.T) {
	budget := rpc.NewBudget(1 << 20)
	gated(t, options{server: rpc.ServerConfig{Budget: budget}}, func(t *testing.T, w *world, g *gate) {
		const calls = 400
		var all []*env.Future[string]
		for range calls {
			ended, _ := w.start(0, "gate", "")
			all = append(all, ended)
		}
		if answer, err := w.call("echo", "x"); err != nil && api.CodeOf(err) != api.CodeOverloaded {
			t.Errorf("%q, %v", answer, err) // which came last
		}
		g.open.Set()
		refused := 0
		for _, ended := range all {
			if _, err := ended.Wait(background); api.CodeOf(err) == api.CodeOverloaded {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused < calls/2 || refused > calls*9/10 {
			t.Errorf("%d of %d requests were refused", refused, calls)
		}
		answer, err := w.call("gate", "")
		wantAnswer(t, answer, err, "late")
		account := budget.Account()
		if !account.Take(512 << 10) {
			t.Error("the budget does not end up whole")
		}
		account.Give(512 << 10)
	})
}
