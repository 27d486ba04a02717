// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/rpc/mem"
)

// script answers the calls with the errors in turn, nil being an answer, and all later ones with the last.
func script(errs ...error) func(string, int, api.InvokeRequest) (api.InvokeReply, error) {
	return func(_ string, n int, _ api.InvokeRequest) (api.InvokeReply, error) {
		return one, errs[min(n, len(errs))-1]
	}
}

func TestWhatMayHaveRunIsNotSaidNotToHave(t *testing.T) {
	lost := api.Errorf(api.CodeUnknown, "lost")
	for _, test := range []struct {
		name string
		then error
		opt  client.CallOption
		want api.Code
	}{
		{"a full mailbox", api.Errorf(api.CodeOverloaded, "full"), client.Stale(), api.CodeUnknown},
		{"no room", api.Errorf(api.CodeNoCapacity, "full"), client.WithIdempotencyKey("k"), api.CodeUnknown},
		{"nobody takes it in time", api.Errorf(api.CodeUnavailable, "down"), client.WithIdempotencyKey("k"),
			api.CodeUnknown},
		{"the actor's own answer", api.Errorf(api.CodeApplication, "no"), client.WithIdempotencyKey("k"),
			api.CodeApplication},
	} {
		t.Run(test.name, func(t *testing.T) {
			both(t, func(t *fixture) {
				t.answer = script(lost, test.then)
				ctx, cancel := env.WithTimeout(t.env, context.Background(), 200*time.Millisecond)
				defer cancel()
				_, err := t.client.CallRaw(ctx, actorA, "add", nil, test.opt)
				if code := api.CodeOf(err); code != test.want && code != api.CodeDeadlineExceeded {
					t.Fatalf("%v, want %v", err, test.want)
				}
				if !errors.Is(err, test.then) && api.CodeOf(err) != api.CodeDeadlineExceeded {
					t.Errorf("%v does not tell of %v", err, test.then)
				}
			})
		})
	}
}

func TestAFencedNodeIsTriedAgain(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = script(api.Errorf(api.CodeFenced, "fenced"), nil)
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		t.wantCalls("a", "b")
	})
}

func TestNodesThatPointAtEachOtherDoNotHoldACallForEver(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
			err := api.Errorf(api.CodeMoved, "moved")
			err.Detail = map[string]string{api.DetailOwnerAddress: map[string]string{"a": "b:1", "b": "a:1"}[node]}
			return one, err
		}
		ctx, cancel := env.WithTimeout(t.env, context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := t.client.CallRaw(ctx, actorA, "add", nil)
		if code := api.CodeOf(err); code != api.CodeUnavailable && code != api.CodeDeadlineExceeded {
			t.Fatal(err)
		}
		if len(t.calls) > 50 {
			t.Errorf("%d tries without a pause", len(t.calls))
		}
	})
}

func TestANodeThatPointsAtItselfIsNotBelieved(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
			if node == "b" {
				return one, nil
			}
			err := api.Errorf(api.CodeMoved, "moved")
			err.Detail = map[string]string{api.DetailOwnerAddress: "a:1"}
			return one, err
		}
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		t.wantCalls("a", "b")
	})
}

func TestAnOwnerThatDiedIsForgotten(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(node string, _ int, _ api.InvokeRequest) (api.InvokeReply, error) {
			if node == "a" && len(t.calls) == 1 {
				return api.InvokeReply{Body: []byte{1}, OwnerAddress: "b:1"}, nil
			}
			return one, nil
		}
		if _, err := t.call(); err != nil {
			t.Fatal(err)
		}
		t.network.Cut("b")
		for range 2 {
			if _, err := t.call(); err != nil {
				t.Fatal(err)
			}
		}
		t.wantCalls("a", "a", "a")
	})
}

func TestAddressesTakeTurns(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = script(nil)
		t.callAll("w", "x", "y", "z")
		t.wantCalls("a", "b", "a", "b")
	})
}

// callAll calls counters of these names.
func (t *fixture) callAll(names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := t.client.CallRaw(context.Background(), api.ActorID{Namespace: "counter", ID: name}, "add",
			nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestANodeThatFailedIsPassedOverForAWhile(t *testing.T) {
	simulated(t, func(t *fixture) {
		t.answer = script(api.Errorf(api.CodeUnavailable, "joining"), nil)
		t.callAll("v", "w", "x")
		t.wantCalls("a", "b", "b", "b")
		if err := env.Sleep(t.env, context.Background(), time.Minute); err != nil {
			t.Fatal(err)
		}
		t.callAll("y", "z")
		t.wantCalls("a", "b", "b", "b", "a", "b")
	})
}

func TestANodeThatAnswersIsNotPassedOver(t *testing.T) {
	simulated(t, func(t *fixture) {
		t.answer = func(node string, n int, _ api.InvokeRequest) (api.InvokeReply, error) {
			switch n {
			case 1:
				return one, api.Errorf(api.CodeUnavailable, "joining")
			case 2:
				return api.InvokeReply{Body: one.Body, OwnerAddress: "a:1"}, nil
			}
			return one, nil
		}
		t.callAll("w", "w", "x")
		t.wantCalls("a", "b", "a", "a")
	})
}

func TestACallWithoutADeadlineEnds(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		c, err := client.New(e, mem.NewNetwork(e).Transport(e, "client"), client.Config{Addrs: []string{"nobody:1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		began := e.Monotonic()
		_, err = c.CallRaw(context.Background(), actorA, "add", nil)
		if code := api.CodeOf(err); code != api.CodeUnavailable && code != api.CodeDeadlineExceeded {
			t.Fatal(err)
		}
		if took := e.Monotonic() - began; took < client.DefaultTimeout-time.Second || took > client.DefaultTimeout {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAClosedClientEndsItsCalls(t *testing.T) {
	envtest.Simulated(t, 4, func(t *testing.T, s *coro.Scheduler) {
		e := s.Machine(coro.MainMachine)
		c, err := client.New(e, mem.NewNetwork(e).Transport(e, "client"), client.Config{Addrs: []string{"nobody:1"}})
		if err != nil {
			t.Fatal(err)
		}
		e.AfterFunc(5*time.Second, c.Close)
		for range 2 { // one in flight, and one after the end
			_, err := c.CallRaw(context.Background(), actorA, "add", nil)
			if api.CodeOf(err) != api.CodeUnavailable {
				t.Fatal(err)
			}
			if now := e.Monotonic(); now != 5*time.Second {
				t.Fatalf("the call ended at %v", now)
			}
		}
	})
}

func TestAReplyThatDoesNotFitIsAnError(t *testing.T) {
	both(t, func(t *fixture) {
		t.answer = func(string, int, api.InvokeRequest) (api.InvokeReply, error) {
			return api.InvokeReply{Body: []byte("\xa1x")}, nil
		}
		if _, err := t.call(); err == nil || !strings.Contains(err.Error(), "int") {
			t.Fatal(err)
		}
		t.wantCalls("a")
	})
}

func TestWhatCanNotBeACallIsNotSent(t *testing.T) {
	both(t, func(t *fixture) {
		if _, err := t.client.CallRaw(context.Background(), api.ActorID{Namespace: "no name", ID: "x"}, "add",
			nil); api.CodeOf(err) != api.CodeInvalidArgument {
			t.Error(err)
		}
		if _, err := client.Call[int](context.Background(), t.client, actorA, "add", func() {}); api.CodeOf(
			err) != api.CodeInvalidArgument {
			t.Error(err)
		}
		t.wantCalls()
	})
}

func TestAClientNeedsAnAddress(t *testing.T) {
	envtest.Both(t, func(t *testing.T, e env.Env) {
		if _, err := client.New(e, mem.NewNetwork(e).Transport(e, "client"), client.Config{}); api.CodeOf(
			err) != api.CodeInvalidArgument {
			t.Error(err)
		}
	})
}

func TestWhoSaysWhenToComeAgainIsAskedThen(t *testing.T) {
	simulated(t, func(t *fixture) {
		busy := api.Errorf(api.CodeUnavailable, "the actor can't be activated")
		busy.Detail = map[string]string{api.DetailRetryAfter: "300"}
		var times []time.Duration
		t.answer = func(string, int, api.InvokeRequest) (api.InvokeReply, error) {
			times = append(times, t.env.Monotonic())
			if len(times) == 2 {
				return one, busy
			}
			return one, nil
		}
		for range 2 {
			if _, err := t.call(); err != nil {
				t.Fatal(err)
			}
		}
		t.wantCalls("a", "a", "a")
		if waited := times[2] - times[1]; waited < 300*time.Millisecond || waited > 400*time.Millisecond {
			t.Errorf("asked again after %v, not 300ms", waited)
		}
	})
}
