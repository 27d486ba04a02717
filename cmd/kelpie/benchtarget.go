// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/bench"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// benchTarget is what is called.
type benchTarget struct {
	call  bench.Target
	close func() error
}

// localTarget starts a node in this process, which is called without a network.
func (k *kelpie) localTarget(ctx context.Context, store string, stale bool) (*benchTarget, error) {
	kinds := builtin()
	if stale {
		for i := range kinds {
			kinds[i] = staleKind{kinds[i]}
		}
	}
	l, err := host.StartLocal(ctx, k.Process, store, programVersion(), kinds...)
	if err != nil {
		return nil, err
	}
	return &benchTarget{
		call: func(ctx context.Context, id api.ActorID, method string, request []byte) error {
			_, err := l.Invoke(ctx, id, method, "", request)
			return err
		},
		close: l.Close,
	}, nil
}

// staleKind is a kind whose reads are answered from memory.
type staleKind struct{ actor.Kind }

func (k staleKind) Spec() *kind.Spec {
	spec := *k.Kind.Spec()
	spec.Consistency = string(actor.Stale)
	return &spec
}

// clusterTarget connects to the cluster.
func (k *kelpie) clusterTarget(ctx context.Context, c *connection, stale bool) (*benchTarget, error) {
	s, err := c.open()
	if err != nil {
		return nil, err
	}
	defer s.close()
	if _, err := ask[api.Empty, api.ClusterInfo](ctx, s, api.MethodClusterInfo, &api.Empty{}); err != nil {
		return nil, err
	}
	caller, err := client.New(s.env, tcp.New(), client.Config{Addrs: c.addrs})
	if err != nil {
		return nil, err
	}
	var options []client.CallOption
	if stale {
		options = append(options, client.Stale())
	}
	return &benchTarget{
		call: func(ctx context.Context, id api.ActorID, method string, request []byte) error {
			_, err := caller.CallRaw(ctx, id, method, request, options...)
			return err
		},
		close: func() error { caller.Close(); return nil },
	}, nil
}
