// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import "context"

// outcome is how a context ended.
type outcome struct {
	err     error
	carrier context.Context // one of package context that ended so: context.Cause finds it
}

var (
	canceled         = newOutcome(context.Canceled, context.Canceled)
	deadlineExceeded = newOutcome(context.DeadlineExceeded, context.DeadlineExceeded)

	closedChan = closed()
)

func newOutcome(err, cause error) *outcome {
	carrier, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return &outcome{err: err, carrier: carrier}
}

func foreignOutcome(ended context.Context) *outcome {
	return newOutcome(ended.Err(), context.Cause(ended))
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
