// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// stopTimeout bounds a graceful stop. Container runtimes kill after 10 seconds, service managers after up to 90.
const stopTimeout = 8 * time.Second

// interrupts turns signals into the ends of two contexts: the first signal asks for a graceful stop, and SIGINT after
// that for the end at once. SIGTERM after that is the same request again: supervisors send it to a group and to the
// process, or twice, and mean no hurry.
type interrupts struct {
	graceful, immediate context.Context
}

// listen begins to turn p's signals into interrupts. The end of parent counts as the first. The function
// returned gives up listening.
func listen(parent context.Context, p cli.Process) (interrupts, func()) {
	graceful, stop := context.WithCancel(parent)
	immediate, kill := context.WithCancel(context.WithoutCancel(parent))
	signals, unlisten := p.Signals()
	end := make(chan struct{})
	go func() {
		for react := stop; ; {
			select {
			case s := <-signals:
				if graceful.Err() != nil {
					react = kill
				}
				if s == os.Interrupt || graceful.Err() == nil {
					react()
				}
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

// stop runs f, with a context that ends at the time bound; what f could not do by then is an error of
// CodeUnavailable. When immediate ends it does not wait for f any longer and returns ErrInterrupted.
func (i interrupts) stop(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(i.immediate, stopTimeout)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- f(ctx) }()
	select {
	case err := <-stopped:
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return api.Errorf(api.CodeUnavailable, "the stop was not clean: after %v, calls were still being "+
				"executed, or the store did not answer", stopTimeout)
		}
		return err
	case <-i.immediate.Done():
		return cli.ErrInterrupted
	}
}
