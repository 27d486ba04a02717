// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// inParts calls f for the parts 0 to n-1 of a read, at most partsMax at a time, one of them on the task of the
// caller. It returns the first error, after which no part is begun and those under way end.
func (c *client) inParts(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := env.WithCancel(ctx)
	defer cancel()
	p := parts{n: n, f: f, stop: cancel}
	group := env.NewGroup(c.env, ctx)
	defer group.Stop()
	for range min(n, partsMax) - 1 {
		group.Go("store read part", p.run)
	}
	p.run(ctx)
	if err := group.Wait(context.Background()); err != nil {
		return err
	}
	return p.err
}

type parts struct {
	n    int
	f    func(ctx context.Context, i int) error
	stop func()

	mu   sync.Mutex
	next int // of n
	err  error
}

func (p *parts) run(ctx context.Context) {
	for i, ok := p.take(); ok; i, ok = p.take() {
		if err := p.f(ctx, i); err != nil {
			p.fail(err)
		}
	}
}

// take returns the next part, unless all are taken or one has failed.
func (p *parts) take() (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == p.n || p.err != nil {
		return 0, false
	}
	p.next++
	return p.next - 1, true
}

func (p *parts) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.stop()
}
