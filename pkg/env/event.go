// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import "context"

// Event is something that happens once: a latched flag that tasks can wait for.
type Event struct{ future *Future[struct{}] }

// NewEvent returns an event that has not happened.
func NewEvent(e Env) *Event { return &Event{future: NewFuture[struct{}](e)} }

// Set makes it happen. Setting again does nothing.
func (e *Event) Set() { e.future.Complete(struct{}{}, nil) }

// IsSet reports whether it has happened.
func (e *Event) IsSet() bool { return e.future.Done() }

// Wait blocks until it happens, and returns nil, or until ctx ends, and returns
// the cause of that. An event that has happened wins over a ctx that has ended.
func (e *Event) Wait(ctx context.Context) error {
	_, err := e.future.Wait(ctx)
	return err
}
