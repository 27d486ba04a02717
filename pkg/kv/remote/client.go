// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

var errClosed = errors.New("the store was closed")

// client is what the backends of the two priorities share.
type client struct {
	env  env.Env
	pool *rpc.Pool
	addr string
	rnd  *env.Rand
	// commits are the bytes of those on their way, or to be sent again, by the class of their transaction.
	commits [rpc.Classes]*env.Semaphore

	// apart says that the server is of a version that does not begin and read at once.
	apart atomic.Bool
	// trouble is why the latest attempt to connect has failed.
	trouble atomic.Pointer[error]

	mu     sync.Mutex
	closed bool
	// watches are those that have not ended, in the order they were made.
	watches []*watch
}

// backend reaches the server in one class.
type backend struct {
	*client
	class rpc.Class
}

var _ ryw.Beginner = backend{}

// ReadVersion implements ryw.Backend.
func (b backend) ReadVersion(ctx context.Context, p kv.Priority) (kv.Version, error) {
	answer, err := b.read(ctx, methodReadVersion, encodeNumber(int64(p)))
	if err != nil {
		return 0, err
	}
	v, err := decodeNumber(answer)
	if err != nil {
		return 0, readError(err)
	}
	return kv.Version(v), nil
}

// GetAll implements ryw.Backend. What one request can't hold is read in several, a few at a time.
func (b backend) GetAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	if len(keys) <= keysMax {
		return b.getAll(ctx, v, keys)
	}
	values := make([][]byte, len(keys))
	err := b.inParts(ctx, (len(keys)+keysMax-1)/keysMax, func(ctx context.Context, i int) error {
		part := keys[i*keysMax : min((i+1)*keysMax, len(keys))]
		found, err := b.getAll(ctx, v, part)
		copy(values[i*keysMax:], found)
		return err
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

func (b backend) getAll(ctx context.Context, v kv.Version, keys [][]byte) ([][]byte, error) {
	answer, err := b.read(ctx, methodGetAll, getAllRequest{version: v, keys: keys}.encode())
	if err != nil {
		return nil, err
	}
	values, err := decodeValues(answer, len(keys))
	if err != nil {
		return nil, readError(err)
	}
	return values, nil
}

// Range implements ryw.Backend. What the server's pages do not hold is read in several.
func (b backend) Range(ctx context.Context, v kv.Version, begin, end []byte, opt kv.RangeOptions) ([]kv.KeyValue, bool,
	error) {
	return b.pages(ctx, v, newRest(begin, end, opt), nil)
}

// pages returns the pairs of all, which were read, and those of what is left.
func (b backend) pages(ctx context.Context, v kv.Version, left rest, all []kv.KeyValue) ([]kv.KeyValue, bool, error) {
	for {
		p, err := b.page(ctx, v, left)
		if err != nil {
			return nil, false, err
		}
		all = append(all, p.pairs...)
		if !p.more || !left.pass(p.pairs) {
			return all, p.more, nil
		}
	}
}

func (b backend) page(ctx context.Context, v kv.Version, r rest) (page, error) {
	answer, err := b.read(ctx, methodRange, rangeRequest{version: v, begin: r.begin, end: r.end, opt: r.opt}.encode())
	if err != nil {
		return page{}, err
	}
	p, err := decodePage(answer)
	if err != nil {
		return page{}, readError(err)
	}
	return p, nil
}

// Commit implements ryw.Backend. It waits while too much of its class is on its way.
func (b backend) Commit(ctx context.Context, c *ryw.Commit) (ryw.Committed, error) {
	size := min(int64(commitSize(c)), commitBytesMax)
	if err := b.commits[b.class].Acquire(ctx, size); err != nil {
		return ryw.Committed{}, commitError(err)
	}
	defer b.commits[b.class].Release(size)
	first := *c
	first.Reserved = false
	payload := encodeCommit(&first)
	class := b.class
	if len(payload) >= bulkBytesMin {
		class = rpc.ClassBulk
	}
	pause := retryMin
	for {
		answer, err := b.call(ctx, class, methodCommit, payload)
		if err == nil {
			committed, err := decodeCommitted(answer)
			if err != nil {
				return ryw.Committed{}, commitError(err)
			}
			return committed, nil
		}
		if c.Reserved && errors.Is(err, kv.ErrFull) && !errors.Is(err, kv.ErrCommitUnknown) {
			payload, c = encodeCommit(c), &first // once
			continue
		}
		if !mayCommitAgain(err) || b.pause(ctx, &pause) != nil {
			return ryw.Committed{}, commitError(err)
		}
	}
}

// read makes a call that may be repeated, until it succeeds, fails for good, or patience or ctx end.
func (b backend) read(ctx context.Context, method string, payload []byte) ([]byte, error) {
	giveUp := b.env.Monotonic() + readPatience
	pause := retryMin
	for {
		answer, err := b.call(ctx, b.class, method, payload)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !mayReadAgain(err) || b.isClosed() || b.env.Monotonic() >= giveUp {
			return nil, readError(err)
		}
		if err := b.pause(ctx, &pause); err != nil {
			return nil, err
		}
	}
}

// call makes one call; errors of the store are as the server's backend gave them.
func (b backend) call(ctx context.Context, class rpc.Class, method string, payload []byte) ([]byte, error) {
	if b.isClosed() {
		return nil, kv.ErrUnavailable.With(errClosed)
	}
	answer, err := b.pool.Call(ctx, b.addr, class, method, payload)
	b.notice(err)
	if err != nil {
		return nil, fromWire(err)
	}
	return answer, nil
}

// notice keeps why the server can't be connected to, until it answers.
func (c *client) notice(err error) {
	switch {
	case err == nil && c.trouble.Load() != nil:
		c.trouble.Store(nil)
	case err != nil && rpc.NotSent(err) && api.CodeOf(err) == api.CodeUnavailable:
		c.trouble.Store(&err)
	}
}

// pause waits between attempts, and makes the next pause longer.
func (c *client) pause(ctx context.Context, d *time.Duration) error {
	now := c.rnd.Jitter(*d)
	*d = min(2**d, retryMax)
	return env.Sleep(c.env, ctx, now)
}

func (c *client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
