// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// parker belongs to no machine: the tasks of several may share one.
type parker struct {
	sched  *Scheduler
	permit bool
	task   *task // that which is parked here
}

func (p *parker) Park(ctx context.Context) error {
	t := p.sched.mustRun()
	t.mustLive()
	if p.permit {
		p.permit = false
		return nil
	}
	if p.task != nil {
		panic("coro: two tasks park on one Parker")
	}
	if env.Foreign(ctx) {
		panic("coro: Park on a context of package context that can end: make it by env.WithCancel or env.WithTimeout")
	}
	stop := env.OnDone(ctx, t.wake)
	p.task = t
	defer func() {
		p.task = nil
		stop()
	}()
	for !p.permit {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.block()
	}
	p.permit = false
	return nil
}

func (p *parker) Unpark() {
	p.permit = true
	if p.task != nil {
		p.sched.wake(p.task)
	}
}
