// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"

	"github.com/kelpiehq/kelpie/pkg/actor"
)

// builtinHelp says what nodes of the stock binary host.
const builtinHelp = `The node hosts these namespaces. To host others, write a program: it takes a few
lines of Go, and accepts the same flags.

  counter  add N gives the new value; get gives the value
  kv       put {"key":KEY,"value":VALUE}; get KEY gives the value, or null; delete KEY;
           list {"prefix":PREFIX,"limit":N} gives [{"key":KEY,"value":VALUE}, ...]
  cache    as kv, in memory alone: what it holds is gone when its actor is deactivated or its node fails
  echo     echo VALUE gives VALUE`

// builtin returns the actors of the stock binary: enough to try a cluster out.
func builtin() []actor.Kind {
	return []actor.Kind{counterKind(), kvKind("kv"), kvKind("cache").Volatile(), echoKind{}}
}

// counter is the state of an actor that counts.
type counter struct {
	N int64 `json:"n"`
}

func counterKind() actor.Kind {
	return actor.New[counter]("counter").
		With(actor.WriteFunc("add", func(_ *actor.Context, c *counter, n int64) (int64, error) {
			if n > 0 && c.N > math.MaxInt64-n || n < 0 && c.N < math.MinInt64-n {
				return 0, actor.Errorf("overflow", "%d + %d does not fit into 64 bits", c.N, n)
			}
			c.N += n
			return c.N, nil
		})).
		With(actor.ReadFunc("get", func(_ *actor.Context, c *counter, _ struct{}) (int64, error) {
			return c.N, nil
		}))
}

const (
	// listLimitDefault and listLimitMax bound what list of kv gives.
	listLimitDefault = 100
	listLimitMax     = 1000
)

// kvPair is the request of put, and a row of list's reply.
type kvPair struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

type kvListRequest struct {
	Prefix string `json:"prefix"`
	Limit  int    `json:"limit"`
}

// kvKind has no state struct: all is in the actor's key-value space.
func kvKind(namespace string) *actor.Of[struct{}] {
	return actor.New[struct{}](namespace).
		With(actor.WriteFunc("put", func(ctx *actor.Context, _ *struct{}, pair kvPair) (any, error) {
			return nil, ctx.Set(pair.Key, pair.Value)
		})).
		With(actor.ReadFunc("get", func(ctx *actor.Context, _ *struct{}, key string) (value any, err error) {
			_, err = ctx.Get(key, &value)
			return value, err
		})).
		With(actor.WriteFunc("delete", func(ctx *actor.Context, _ *struct{}, key string) (any, error) {
			return nil, ctx.Delete(key)
		})).
		With(actor.ReadFunc("list", kvList))
}

func kvList(ctx *actor.Context, _ *struct{}, req kvListRequest) ([]kvPair, error) {
	limit := req.Limit
	switch {
	case limit == 0:
		limit = listLimitDefault
	case limit < 0 || limit > listLimitMax:
		return nil, actor.Errorf("limit", "limit %d: must be from 1 to %d, or 0 for %d", limit, listLimitMax,
			listLimitDefault)
	}
	found, err := ctx.List(req.Prefix, limit)
	if err != nil {
		return nil, err
	}
	pairs := make([]kvPair, len(found))
	for i, f := range found {
		pairs[i].Key = f.Key
		if err := f.Decode(&pairs[i].Value); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// echoKind answers with the request as it came, without decoding it. It has no state that could be
// stale, so its reads need not ask the store.
type echoKind struct{}

func (echoKind) Spec() *actor.Spec {
	return &actor.Spec{
		Namespace:   "echo",
		Consistency: actor.Stale,
		NewState:    func() any { return new(struct{}) },
		Methods: map[string]*actor.MethodSpec{"echo": {
			Name:     "echo",
			ReadOnly: true,
			Run:      func(_ *actor.Context, _ any, request []byte) ([]byte, error) { return request, nil },
		}},
	}
}
