// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// touchy encodes and decodes itself, and panics at numbers that it does not like.
type touchy struct{ N int }

const (
	hatesEncoding = 13
	hatesDecoding = 17
)

func (t *touchy) EncodeMsgpack(enc *msgpack.Encoder) error {
	if t.N == hatesEncoding {
		panic("can't encode 13")
	}
	return enc.EncodeInt(int64(t.N))
}

func (t *touchy) DecodeMsgpack(dec *msgpack.Decoder) (err error) {
	t.N, err = dec.DecodeInt()
	if t.N == hatesDecoding {
		panic("can't decode 17")
	}
	return err
}

type touchyState struct {
	Touchy *touchy      `json:"touchy"`
	Link   *touchyState `json:"link"`
}

// panickingError can't even say what is wrong.
type panickingError struct{}

func (*panickingError) Error() string { panic("no words") }
func (*panickingError) As(any) bool   { panic("no type") }

type silentError struct{ text string }

func (e *silentError) Error() string { return e.text }

var touchies = actor.New[touchyState]("touchy").
	With(actor.WriteFunc("set", func(_ *actor.Context, s *touchyState, n int) (int, error) {
		s.Touchy = &touchy{n}
		return n, nil
	})).
	With(actor.WriteFunc("set_then_fail", func(_ *actor.Context, s *touchyState, n int) (int, error) {
		s.Touchy = &touchy{n}
		return n, actor.Errorf("told", "told to fail")
	})).
	With(actor.WriteFunc("link", func(_ *actor.Context, s *touchyState, _ struct{}) (bool, error) {
		s.Link = &touchyState{Link: s}
		return true, nil
	})).
	With(actor.WriteFunc("take", func(_ *actor.Context, _ *touchyState, _ touchy) (bool, error) { return true, nil })).
	With(actor.WriteFunc("give", func(_ *actor.Context, s *touchyState, n int) (*touchy, error) {
		s.Touchy = &touchy{n + 1}
		return &touchy{n}, nil
	})).
	With(actor.WriteFunc("fail", func(_ *actor.Context, s *touchyState, _ struct{}) (bool, error) {
		s.Touchy = &touchy{1000}
		return false, &panickingError{}
	})).
	With(actor.WriteFunc("fail_silently", func(_ *actor.Context, s *touchyState, _ struct{}) (bool, error) {
		s.Touchy = &touchy{1000}
		var err *silentError
		return false, err
	})).
	With(actor.WriteFunc("panic_silently", func(_ *actor.Context, s *touchyState, _ struct{}) (bool, error) {
		s.Touchy = &touchy{1000}
		panic(&panickingError{})
	})).
	With(actor.WriteFunc("exit", func(_ *actor.Context, s *touchyState, _ struct{}) (bool, error) {
		s.Touchy = &touchy{1000}
		runtime.Goexit()
		return true, nil
	})).
	With(actor.ReadFunc("get", func(_ *actor.Context, s *touchyState, _ struct{}) (int, error) {
		if s.Touchy == nil {
			return 0, nil
		}
		return s.Touchy.N, nil
	}))

func touchyID(id string) api.ActorID { return api.ActorID{Namespace: "touchy", ID: id} }

// TestCodeOfAuthorsIsGuarded shows that whatever of an author's code panics fails its call alone, by an error that
// names the actor and what has panicked, and changes nothing.
func TestCodeOfAuthorsIsGuarded(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.kinds = append(slices.Clone(c.kinds), touchies)
		c.startAll(2)
		id := touchyID("a")
		set := func(n int) {
			if err := c.call("n1", time.Minute, id, "set", n, nil); err != nil {
				c.Fatalf("set %d: %v", n, err)
			}
		}
		set(5)
		for _, call := range []struct {
			method  string
			request any
			code    api.Code
			says    string
		}{
			{"set", hatesEncoding, api.CodeInternal, "actor touchy/a: method set panicked: can't encode 13"},
			{"link", struct{}{}, api.CodeInternal, "actor touchy/a: method link left a state that does not encode: " +
				"it is nested deeper than 64 levels, or contains itself: at Link.Link"},
			{"take", hatesDecoding, api.CodeInvalidArgument,
				"the request of take does not fit: panic: can't decode 17"},
			{"give", hatesEncoding, api.CodeInternal, "actor touchy/a: method give panicked: can't encode 13"},
			{"fail", struct{}{}, api.CodeInternal, "actor touchy/a: method fail panicked: no type"},
			{"fail_silently", struct{}{}, api.CodeApplication, "nil"},
			{"panic_silently", struct{}{}, api.CodeInternal, "actor touchy/a: method panic_silently panicked: "},
		} {
			err := c.call("n2", time.Minute, id, call.method, call.request, nil)
			if api.CodeOf(err) != call.code || !strings.Contains(err.Error(), call.says) {
				c.Errorf("%s: the error is %v, which is no %v that says %q", call.method, err, call.code, call.says)
			}
			var now int
			if err := c.call("n1", time.Minute, id, "get", struct{}{}, &now); err != nil || now != 5 {
				c.Errorf("after %s there is %d, and %v; want 5", call.method, now, err)
			}
			if token := c.owner("n1", id).Token; token != 1 {
				c.Errorf("after %s the actor has been claimed %d times", call.method, token)
			}
		}
	})
}

// TestStateThatCannotBeRestoredEndsTheActivation shows that no handler runs on a state that is not what was kept.
func TestStateThatCannotBeRestoredEndsTheActivation(t *testing.T) {
	simulate(t, 2, func(c *cluster) {
		c.kinds = append(slices.Clone(c.kinds), touchies)
		c.startAll(2)
		id := touchyID("a")
		if err := c.call("n1", time.Minute, id, "set", hatesDecoding, nil); err != nil {
			c.Fatal(err)
		}
		err := c.call("n1", time.Minute, id, "set_then_fail", 1, nil)
		if api.CodeOf(err) != api.CodeCorruptState ||
			!strings.Contains(err.Error(), "actor touchy/a: its state can't be restored: ") ||
			!strings.Contains(err.Error(), "can't decode 17") {
			c.Errorf("a call that can't be rolled back: %v", err)
		}
		for range 3 {
			err = c.call("n2", time.Minute, id, "get", struct{}{}, nil)
			if api.CodeOf(err) != api.CodeCorruptState ||
				!strings.Contains(err.Error(), "its state does not fit the program: panic: can't decode 17") {
				c.Errorf("a call of what can't be loaded: %v", err)
			}
		}
		c.add("n1", counter("x"), 1) // others are served
	})
}

// TestHooksAndConstructorsAreGuarded shows the same of what runs beside handlers.
func TestHooksAndConstructorsAreGuarded(t *testing.T) {
	var where string
	fail := func(at string) {
		if where == at {
			panic("at " + at)
		}
	}
	hooked := actor.New[touchyState]("hooked").
		OnActivate(func(_ *actor.Context, s *touchyState) error {
			s.Touchy = &touchy{7}
			fail("OnActivate")
			if where == "link" {
				s.Link = s
			}
			return nil
		}).
		OnDeactivate(func(_ *actor.Context, s *touchyState) error {
			s.Touchy = &touchy{8}
			fail("OnDeactivate")
			return nil
		}).
		OnMigrate(
			func(_ *actor.Context, s *touchyState) ([]byte, error) {
				s.Touchy = &touchy{9}
				fail("packing")
				return []byte("luggage"), nil
			},
			func(_ *actor.Context, s *touchyState, _ []byte) error {
				s.Touchy = &touchy{10}
				fail("unpacking")
				return nil
			}).
		With(actor.ReadFunc("get", func(_ *actor.Context, s *touchyState, _ struct{}) (int, error) {
			return s.Touchy.N, nil
		}))
	spec := hooked.Spec()
	construct := spec.NewState
	spec.NewState = func() any {
		fail("NewState")
		return construct()
	}
	simulate(t, 2, func(c *cluster) {
		where = ""
		c.kinds = append(slices.Clone(c.kinds), hooked)
		c.startAll(2)
		for i, call := range []struct{ where, says string }{
			{"OnActivate", "OnActivate panicked: at OnActivate"},
			{"link", "OnActivate left a state that does not encode: it is nested deeper"},
			{"NewState", "the constructor of its state panicked: at NewState"},
		} {
			id := api.ActorID{Namespace: "hooked", ID: fmt.Sprint(i)}
			where = call.where
			err := c.call("n1", time.Minute, id, "get", struct{}{}, nil)
			if api.CodeOf(err) != api.CodeUnavailable || !strings.Contains(err.Error(), call.says) {
				c.Errorf("%s: %v", call.where, err)
			}
			where = ""
			c.sleep(time.Minute)
			var got int
			if err := c.call("n1", time.Minute, id, "get", struct{}{}, &got); err != nil || got != 7 {
				c.Errorf("%s: then there is %d, and %v", call.where, got, err)
			}
		}
		for _, at := range []string{"OnDeactivate", "packing", "unpacking"} {
			id := api.ActorID{Namespace: "hooked", ID: at}
			where = ""
			if err := c.call("n1", time.Minute, id, "get", struct{}{}, nil); err != nil {
				c.Fatal(err)
			}
			from := c.owner("n1", id).Node
			where = at
			_, err := admin[api.MigrateRequest, api.MigrateReply](c, "n1", api.MethodMigrate,
				&api.MigrateRequest{Actor: id.String(), To: c.other(from)})
			if stays := at == "packing"; (err != nil) != stays || stays &&
				!strings.Contains(err.Error(), "packing panicked: at packing") {
				c.Errorf("%s: the move has ended with %v", at, err)
			}
			where = ""
			var got int
			if err := c.call("n1", time.Minute, id, "get", struct{}{}, &got); err != nil || got != 7 {
				c.Errorf("%s: then there is %d, and %v", at, got, err)
			}
		}
		if !strings.Contains(c.log.String(), "stack=") {
			c.Error("no panic has been logged with its stack")
		}
	})
}

// TestGoexitFailsTheCallAlone shows that code that ends its goroutine fails its call, and keeps nobody else waiting.
// It takes real goroutines: the simulator has none to end.
func TestGoexitFailsTheCallAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e := env.Real()
	store := openReal(t, e)
	exits := true
	activating := actor.New[touchyState]("exiting").
		OnActivate(func(*actor.Context, *touchyState) error {
			if exits {
				runtime.Goexit()
			}
			return nil
		}).
		With(actor.WriteFunc("set", func(_ *actor.Context, _ *touchyState, n int) (int, error) { return n, nil }))
	n, err := node.New(node.Config{Env: e, Store: store, Transport: tcp.New(), NodeID: "n1", Listen: "127.0.0.1:0",
		Kinds: []actor.Kind{touchies, activating}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(e, tcp.New(), client.Config{Addrs: []string{n.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := client.Call[int](ctx, c, touchyID("a"), "set", 5); err != nil {
		t.Fatal(err)
	}
	_, err = client.Call[bool](ctx, c, touchyID("a"), "exit", struct{}{})
	if api.CodeOf(err) != api.CodeInternal || !strings.Contains(err.Error(), "actor touchy/a: method exit ended its "+
		"goroutine") {
		t.Errorf("the call has ended with %v", err)
	}
	if now, err := client.Call[int](ctx, c, touchyID("a"), "get", struct{}{}); err != nil || now != 5 {
		t.Errorf("then there is %d, and %v", now, err)
	}
	_, err = client.Call[int](ctx, c, api.ActorID{Namespace: "exiting", ID: "a"}, "set", 5)
	if err == nil || !strings.Contains(err.Error(), "OnActivate ended its goroutine") {
		t.Errorf("the call of what does not activate has ended with %v", err)
	}
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
