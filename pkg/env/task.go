// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import "context"

// Task is a running function that can be stopped and waited for.
type Task struct {
	cancel context.CancelFunc
	ended  *Event
}

// Start runs f as a task, under a child of ctx that Stop ends.
func Start(e Env, ctx context.Context, name string, f func(ctx context.Context)) *Task {
	ctx, cancel := WithCancel(ctx)
	t := &Task{cancel: cancel, ended: NewEvent(e)}
	e.Go(name, func() {
		defer t.ended.Set()
		defer cancel()
		f(ctx)
	})
	return t
}

// Stop ends the context of the task and does not wait. A task that was stopped
// before it began still runs, with a context that has ended.
func (t *Task) Stop() { t.cancel() }

// Done reports whether the task has returned.
func (t *Task) Done() bool { return t.ended.IsSet() }

// Wait blocks until the task has returned, and returns nil, or until ctx ends,
// and returns the cause of that.
func (t *Task) Wait(ctx context.Context) error { return t.ended.Wait(ctx) }
