// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"strconv"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// echoKind answers with the request, from memory: the way of a call through client, node, router and mailbox,
// without the store.
type echoKind struct{}

func (echoKind) Spec() *kind.Spec {
	return &kind.Spec{
		Namespace: "echo", Consistency: string(actor.Stale), NewState: func() any { return new(struct{}) },
		Methods: map[string]*kind.Method{"echo": {
			Name: "echo", ReadOnly: true,
			Run: func(_ kind.Turn, _ any, request []byte) ([]byte, error) { return request, nil },
		}},
	}
}

func serveActors() (string, error) {
	e := env.Real()
	store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
	if err != nil {
		return "", err
	}
	n, err := node.New(node.Config{
		Env: e, Store: store, Transport: tcp.New(), NodeID: "n1", Listen: "127.0.0.1:0",
		Kinds: []actor.Kind{echoKind{}},
	})
	if err != nil {
		return "", err
	}
	if err := n.Start(context.Background()); err != nil {
		return "", err
	}
	return n.Addr(), nil
}

// dialActors gives each caller an actor of its own.
func dialActors(addr string, callers int) ([]caller, func(), error) {
	c, err := client.New(env.Real(), tcp.New(), client.Config{Addrs: []string{addr}})
	if err != nil {
		return nil, nil, err
	}
	all := make([]caller, callers)
	for i := range all {
		id := api.ActorID{Namespace: "echo", ID: strconv.Itoa(i)}
		all[i] = func(payload []byte) error {
			answer, err := c.CallRaw(context.Background(), id, "echo", payload)
			if err != nil {
				return err
			}
			return checkEcho(payload, answer)
		}
	}
	return all, c.Close, nil
}
