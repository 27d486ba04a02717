// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// birth is the version of the store that nodes give.
const birth = 1 << 40

var actorA = api.ActorID{Namespace: "counter", ID: "a"}

// fixture is a client of two scripted nodes, a and b.
type fixture struct {
	*testing.T
	ctx     context.Context
	env     env.Env
	network *mem.Network
	client  *client.Client
	// calls are the nodes that were asked, in order.
	calls []string
	// answer decides what a node says to its nth call, counted over both.
	answer func(node string, n int, in api.InvokeRequest) (api.InvokeReply, error)
	// clusters are those that the nodes belong to.
	clusters map[string]string
	// admin decides what a node says when it is asked for namespaces.
	admin func(node string) error
}

func both(t *testing.T, f func(t *fixture)) {
	t.Helper()
	envtest.Both(t, func(t *testing.T, e env.Env) { run(t, e, f) })
}

// simulated is for what depends on time.
func simulated(t *testing.T, f func(t *fixture)) {
	t.Helper()
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) { run(t, s.Machine(coro.MainMachine), f) })
}

func run(t *testing.T, e env.Env, f func(t *fixture)) {
	ctx, cancel := env.WithCancel(context.Background())
	defer cancel()
	fx := &fixture{T: t, ctx: ctx, env: e, network: mem.NewNetwork(e)}
	for _, node := range []string{"a", "b"} {
		fx.serve(ctx, node)
	}
	c, err := client.New(e, fx.network.Transport(e, "client"), client.Config{Addrs: []string{"a:1", "b:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fx.client = c
	f(fx)
}

func (t *fixture) serve(ctx context.Context, node string) {
	mux := rpc.NewMux()
	mux.Handle(api.MethodInvoke, func(_ context.Context, req *rpc.Request) ([]byte, error) {
		in, err := api.DecodeInvokeRequest(req.Payload)
		if err != nil {
			return nil, err
		}
		t.calls = append(t.calls, node) // one call at a time
		reply, err := t.answer(node, len(t.calls), in)
		if err != nil {
			return nil, err
		}
		return reply.AppendTo(nil), nil
	})
	rpc.HandleTyped(mux, api.MethodBirth, func(context.Context, *api.Empty) (*api.BirthReply, error) {
		return &api.BirthReply{Version: birth}, nil
	})
	rpc.HandleTyped(mux, api.MethodNamespaces, func(context.Context, *api.Empty) (*api.NamespacesReply, error) {
		t.calls = append(t.calls, node)
		return &api.NamespacesReply{}, t.admin(node)
	})
	listener, err := t.network.Transport(t.env, node).Listen(node + ":1")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(t.env, rpc.ServerConfig{Identity: rpc.Identity{NodeID: node,
		ClusterID: func() string { return t.clusters[node] }}}, mux)
	t.env.Go("serve "+node, func() {
		if err := server.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
}

func (t *fixture) call(opts ...client.CallOption) (int, error) {
	ctx, cancel := env.WithTimeout(t.env, context.Background(), 5*time.Second)
	defer cancel()
	return client.Call[int](ctx, t.client, actorA, "add", 1, opts...)
}

func (t *fixture) wantCalls(want ...string) {
	t.Helper()
	if len(t.calls) != len(want) {
		t.Fatalf("asked %v, want %v", t.calls, want)
	}
	for i := range want {
		if t.calls[i] != want[i] {
			t.Fatalf("asked %v, want %v", t.calls, want)
		}
	}
}

var one = api.InvokeReply{Body: []byte{1}}

func TestTheOwnerIsRemembered(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
			reply := one
			if node == "a" {
				reply.OwnerAddress = "b:1"
			}
			return reply, nil
		}
		for range 2 {
			if got, err := t.call(); err != nil || got != 1 {
				t.Fatal(got, err)
			}
		}
		t.wantCalls("a", "b")
	})
}

func TestWhatHasNotRunIsTriedElsewhere(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
			if node == "a" {
				return one, api.Errorf(api.CodeUnavailable, "stopping")
			}
			return one, nil
		}
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		t.wantCalls("a", "b")
	})
}

func TestADeadAddressIsPassedOver(t *testing.T) {
	both(t, func(t *fixture) {
		t.network.Cut("a")
		t.answer = func(string, int, api.InvokeRequest) (api.InvokeReply, error) { return one, nil }
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		t.wantCalls("b")
	})
}

func TestMovedIsFollowed(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
			if node == "a" {
				err := api.Errorf(api.CodeMoved, "moved")
				err.Detail = map[string]string{api.DetailOwnerAddress: "b:1"}
				return one, err
			}
			return one, nil
		}
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		t.wantCalls("a", "b")
	})
}

func TestAnUnknownOutcomeIsTriedAgainUnderItsKey(t *testing.T) {
	for _, test := range []struct {
		name  string
		opts  []client.CallOption
		final bool
		calls []string
		code  api.Code
	}{
		{name: "key of the client's", calls: []string{"a", "b"}},
		{name: "key of the caller's", opts: []client.CallOption{client.WithIdempotencyKey("k")},
			calls: []string{"a", "b"}},
		{name: "forgotten", final: true, calls: []string{"a"}, code: api.CodeUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			both(t, func(t *fixture) {
				var keys []api.CallKey
				t.answer = func(_ string, n int, in api.InvokeRequest) (api.InvokeReply, error) {
					keys = append(keys, in.Key)
					if n == 1 {
						err := api.Errorf(api.CodeUnknown, "lost")
						if test.final {
							err.Detail = map[string]string{api.DetailFinal: "true"}
						}
						return one, err
					}
					return one, nil
				}
				if _, err := t.call(test.opts...); api.CodeOf(err) != test.code {
					t.Fatal(err)
				}
				t.wantCalls(test.calls...)
				for _, key := range keys {
					if key != keys[0] || key.IsZero() || key.Birth != birth {
						t.Fatalf("keys %+v", keys)
					}
				}
			})
		})
	}
}

func TestOtherErrorsGoToTheCallerAtOnce(t *testing.T) {
	both(t, func(t *fixture) {
		for i, code := range []api.Code{api.CodeDeadlock, api.CodeApplication, api.CodeUnknownMethod,
			api.CodeNoCapacity} {
			t.answer = func(string, int, api.InvokeRequest) (api.InvokeReply, error) {
				return one, api.Errorf(code, "no")
			}
			if _, err := t.call(); api.CodeOf(err) != code || len(t.calls) != i+1 {
				t.Fatalf("%v after %d calls, want %v after %d", err, len(t.calls), code, i+1)
			}
		}
	})
}

func TestTheDeadlineEndsTheTrying(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(string, int, api.InvokeRequest) (api.InvokeReply, error) {
			return one, api.Errorf(api.CodeUnavailable, "never")
		}
		ctx, cancel := env.WithTimeout(t.env, context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := client.Call[int](ctx, t.client, actorA, "add", 1)
		if code := api.CodeOf(err); code != api.CodeUnavailable && code != api.CodeDeadlineExceeded {
			t.Fatal(err)
		}
		if len(t.calls) < 3 {
			t.Fatalf("gave up after %d tries", len(t.calls))
		}
	})
}

func TestARequestOverTheLimitIsNotSent(t *testing.T) {
	both(t, func(t *fixture) {
		_, err := t.client.CallRaw(context.Background(), actorA, "add", make([]byte, api.PayloadBytesMax+1))
		if api.CodeOf(err) != api.CodeTooLarge || len(t.calls) != 0 {
			t.Fatal(err, t.calls)
		}
	})
}

func (t *fixture) sleep(d time.Duration) {
	t.Helper()
	if err := env.Sleep(t.env, context.Background(), d); err != nil {
		t.Fatal(err)
	}
}

// restart breaks a node's connections, and serves again.
func (t *fixture) restart(node string) {
	t.Helper()
	t.network.Cut(node)
	t.serve(t.ctx, node)
	t.sleep(3 * time.Second) // until the client dials again
}
