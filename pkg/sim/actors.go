// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
)

// The actors that the workloads call. Each keeps what it is asked to, in the plainest way: what is tested is
// what is around them.

type counterState struct {
	N int64 `json:"n"`
}

type listState struct {
	Items []string `json:"items"`
	// How often it was activated, and deactivated in good order.
	Begun, Ended int
}

// inTurns returns an error if there were more ends than beginnings, or items before the first beginning.
func (s *listState) inTurns() error {
	if s.Ended > s.Begun || s.Begun == 0 {
		return fmt.Errorf("it was deactivated %d times, and activated %d times", s.Ended, s.Begun)
	}
	return nil
}

type registerState struct {
	V string `json:"v"`
}

type noState struct{}

// codeShort is the error of a withdrawal from an account that has less.
const codeShort = "short"

// pair is a key of the kv actor's with its value.
type pair struct {
	Key, Value string
}

// scanMax is more than a kv actor has keys.
const scanMax = 1000

func actorKinds(idle time.Duration, apart func() time.Duration) []actor.Kind {
	counter := actor.New[counterState]("counter").
		With(actor.WriteFunc("add", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			s.N += n
			return s.N, nil
		})).
		With(actor.WriteFunc("fail", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			s.N += n // is to be undone
			return 0, actor.Errorf("refused", "at %d", s.N-n)
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		}))
	register := actor.New[registerState]("register").
		With(actor.WriteFunc("swap", func(_ *actor.Context, s *registerState, v string) (string, error) {
			old := s.V
			s.V = v
			return old, nil
		})).
		With(actor.ReadFunc("read", func(_ *actor.Context, s *registerState, _ struct{}) (string, error) {
			return s.V, nil
		}))
	lists := actor.New[listState]("list").
		OnActivate(func(_ *actor.Context, s *listState) error {
			s.Begun++
			return s.inTurns()
		}).
		OnDeactivate(func(_ *actor.Context, s *listState) error {
			s.Ended++
			return s.inTurns()
		}).
		With(actor.WriteFunc("append", func(_ *actor.Context, s *listState, item string) (int64, error) {
			if err := s.inTurns(); err != nil {
				return 0, actor.Errorf("hooks", "%v", err)
			}
			s.Items = append(s.Items, item)
			return int64(len(s.Items)), nil
		})).
		With(actor.ReadFunc("items", func(_ *actor.Context, s *listState, _ struct{}) ([]string, error) {
			return slices.Clone(s.Items), nil
		}))
	account := actor.New[counterState]("account").
		With(actor.WriteFunc("move", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			if s.N+n < -overdraft {
				return s.N, actor.Errorf(codeShort, "only %d left", s.N)
			}
			s.N += n
			return s.N, nil
		})).
		With(actor.ReadFunc("balance", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		}))
	space := actor.New[noState]("kv").
		With(actor.WriteFunc("set", func(ctx *actor.Context, _ *noState, p pair) (bool, error) {
			return true, ctx.Set(p.Key, p.Value)
		})).
		With(actor.WriteFunc("delete", func(ctx *actor.Context, _ *noState, key string) (bool, error) {
			return true, ctx.Delete(key)
		})).
		With(actor.ReadFunc("get", func(ctx *actor.Context, _ *noState, key string) (v string, err error) {
			_, err = ctx.Get(key, &v)
			return v, err
		})).
		With(actor.WriteFunc("swap", func(ctx *actor.Context, _ *noState, p pair) (seen []string, err error) {
			for range 2 { // before and after
				var v string
				if _, err = ctx.Get(p.Key, &v); err == nil {
					err = ctx.Set(p.Key, p.Value)
				}
				if err != nil {
					return nil, err
				}
				seen = append(seen, v)
			}
			return seen, nil
		})).
		With(actor.WriteFunc("set_and_scan", func(ctx *actor.Context, _ *noState, p pair) ([]pair, error) {
			if err := ctx.Set(p.Key, p.Value); err != nil {
				return nil, err
			}
			return scan(ctx)
		})).
		With(actor.ReadFunc("scan", func(ctx *actor.Context, _ *noState, _ struct{}) ([]pair, error) {
			return scan(ctx)
		}))
	kinds := []actor.Kind{counter, register, lists, account, space, pursesKind(), relays(drawn), sessions()}
	kinds = append(kinds, postsAndBoxes(apart)...)
	for _, k := range kinds {
		k.Spec().IdleTimeout = idle
	}
	return kinds
}

func scan(ctx *actor.Context) ([]pair, error) {
	found, err := ctx.List("", scanMax)
	if err != nil {
		return nil, err
	}
	out := make([]pair, len(found))
	for i, p := range found {
		out[i].Key = p.Key
		if err := p.Decode(&out[i].Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pursesKind are accounts that only handlers of relays move money between.
func pursesKind() actor.Kind {
	return actor.New[counterState]("purse").
		With(actor.WriteFunc("move", func(_ *actor.Context, s *counterState, n int64) (int64, error) {
			if s.N+n < -overdraft {
				return s.N, actor.Errorf(codeShort, "only %d left", s.N)
			}
			s.N += n
			return s.N, nil
		})).
		With(actor.ReadFunc("balance", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		}))
}

// errand is what a relay is asked to do: to move money from one purse to another.
type errand struct {
	From, To string
}

// drawn is an amount that belongs to the call.
func drawn(ctx *actor.Context) int64 { return 1 + ctx.Rand().Int64N(50) }

// relays move amounts between purses, and count how often they have.
func relays(amount func(*actor.Context) int64) actor.Kind {
	return actor.New[counterState]("relay").
		With(actor.WriteFunc("run", func(ctx *actor.Context, s *counterState, e errand) (int64, error) {
			n := amount(ctx)
			if _, err := actor.Call[int64](ctx, actor.ID{Namespace: "purse", ID: e.From}, "move", -n); err != nil {
				return 0, err
			}
			if _, err := actor.Call[int64](ctx, actor.ID{Namespace: "purse", ID: e.To}, "move", n); err != nil {
				return 0, err
			}
			s.N++
			return s.N, nil
		})).
		With(actor.ReadFunc("done", func(_ *actor.Context, s *counterState, _ struct{}) (int64, error) {
			return s.N, nil
		}))
}

// sitting is what a session keeps in memory: the name of the sitting, which is its activation's own, and how many
// visits it had.
type sitting struct {
	Born string
	N    int64
}

// sessions are volatile: each begins anew with its activation.
func sessions() actor.Kind {
	serial := 0
	return actor.New[sitting]("session").Volatile().
		With(actor.WriteFunc("visit", func(ctx *actor.Context, s *sitting, name string) (sitting, error) {
			if s.Born == "" {
				serial++ // a repeated call may be the first of two activations
				s.Born = sprintf("%s/%d", name, serial)
			}
			s.N++
			return *s, ctx.Set("last", name)
		})).
		With(actor.ReadFunc("look", func(ctx *actor.Context, s *sitting, _ struct{}) (sitting, error) {
			var last string
			if ok, err := ctx.Get("last", &last); err != nil || ok != (s.N > 0) {
				return *s, actor.Errorf("torn", "the space of a session and its state do not agree: %v %v", ok, err)
			}
			return *s, nil
		}))
}
