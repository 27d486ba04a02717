// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// watch is a call that is answered when the key has changed.
type watch struct {
	client *client
	future *env.Future[struct{}]
	// cancel gives the call up; the future has ended then.
	cancel func()
}

var _ kv.Watch = (*watch)(nil)

// Watch implements ryw.Backend. It does not wait for the server: a change
// before the request arrives is seen by it in the value.
func (b backend) Watch(_ context.Context, key, value []byte, version kv.Version) (kv.Watch, error) {
	w := &watch{client: b.client, future: env.NewFuture[struct{}](b.env)}
	payload := watchRequest{key: key, value: value, version: version}.encode()
	w.cancel = b.pool.Start(0, b.addr, b.class, methodWatch, payload, func(_ []byte, err error) {
		w.finish(watchError(err))
	})
	if !b.enter(w) {
		w.stop(kv.ErrCancelled)
		return nil, kv.ErrUnavailable.With(errClosed)
	}
	return w, nil
}

// watchError is what a lost watch ends with.
func watchError(err error) error {
	if err == nil {
		return nil
	}
	err = fromWire(err)
	if errors.Is(err, kv.ErrCancelled) {
		return kv.ErrUnavailable.With(err)
	}
	return readError(err)
}

// Wait implements kv.Watch.
func (w *watch) Wait(ctx context.Context) error {
	_, err := w.future.Wait(ctx)
	return err
}

// Cancel implements kv.Watch.
func (w *watch) Cancel() { w.stop(kv.ErrCancelled) }

// stop ends the watch with err, unless it has ended.
func (w *watch) stop(err error) {
	w.finish(err)
	w.cancel()
}

func (w *watch) finish(err error) {
	w.future.Complete(struct{}{}, err)
	w.client.leave(w)
}

// enter remembers a watch that has not ended, to end it with the store. It returns false if that is closed.
func (c *client) enter(w *watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !w.future.Done() {
		c.watches = append(c.watches, w)
	}
	return !c.closed
}

func (c *client) leave(w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.watches, w); i >= 0 {
		c.watches = slices.Delete(c.watches, i, i+1)
	}
}

// close refuses further calls and ends the watches.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	watches := c.watches
	c.watches = nil
	c.mu.Unlock()
	for _, w := range watches {
		w.stop(kv.ErrUnavailable.With(errClosed))
	}
}
