// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Open returns the store that the process at addr serves by Register. It makes no call: whether the
// store can be reached shows with the first transaction. pool stays the caller's and has to outlive the store.
//
// Close does not wait for calls under way: they end with their contexts, or with the pool.
func Open(e env.Env, pool *rpc.Pool, addr string) kv.Store {
	c := &client{env: e, pool: pool, addr: addr, rnd: e.Rand("store retries")}
	for class := range c.commits {
		c.commits[class] = env.NewSemaphore(e, commitBytesMax)
	}
	return &store{client: c}
}

type store struct {
	client *client
}

// Begin implements kv.Store.
func (s *store) Begin(opt kv.TxOptions) kv.Tx {
	b := backend{client: s.client, class: rpc.ClassCall}
	if opt.Priority == kv.PriorityHigh {
		b.class = rpc.ClassControl
	}
	return ryw.New(b, opt)
}

// Trouble returns why the server of the store can't be connected to, as of the latest attempt: nil if that has
// succeeded, or nothing is known. It does not block.
func (s *store) Trouble() error {
	if err := s.client.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// Close implements kv.Store.
func (s *store) Close() error {
	s.client.close()
	return nil
}
