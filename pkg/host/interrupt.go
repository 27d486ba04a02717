// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"
)

// stopTimeout bounds a graceful stop. Container runtimes and service managers kill after
// 10 to 90 seconds; a call that takes longer than this is answered by whoever takes its actor over.
const stopTimeout = 30 * time.Second

// interrupts turns signals into the ends of two contexts: the first asks for a graceful stop, the
// second for the end at once.
type interrupts struct {
	graceful, immediate context.Context
}

// listen begins to turn p's signals into interrupts. The end of parent counts as the first. The function
// returned gives up listening.
func listen(parent context.Context, p Process) (interrupts, func()) {
	graceful, stop := context.WithCancel(parent)
	immediate, kill := context.WithCancel(context.WithoutCancel(parent))
	signals, unlisten := p.Signals()
	end := make(chan struct{})
	go func() {
		for _, react := range []context.CancelFunc{stop, kill} {
			select {
			case <-signals:
				react()
			case <-end:
				return
			}
		}
	}()
	return interrupts{graceful, immediate}, func() {
		unlisten()
		close(end)
		stop()
		kill()
	}
}

// stop runs f, with a context that ends at the time bound. At the second signal it does not wait for f any
// longer and returns ErrInterrupted.
func (i interrupts) stop(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(i.immediate, stopTimeout)
	stopped := make(chan error, 1)
	go func() {
		defer cancel()
		stopped <- f(ctx)
	}()
	select {
	case err := <-stopped:
		return err
	case <-i.immediate.Done():
		return ErrInterrupted
	}
}
