// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/client"
)

const (
	// callers call actors at the same time, each at an interval.
	callers      = 8
	callInterval = 20 * time.Millisecond
	actors       = 64
	// callTimeout is how long a call may take.
	callTimeout = 10 * time.Second
	// arriveInterval is how often a new caller comes. It is served in time if that takes no longer than arriveTimeout.
	arriveInterval = time.Second
	arriveTimeout  = 5 * time.Second
)

// latencies are those of many calls.
type latencies struct {
	all    []time.Duration
	failed int
}

// p99 is the 99th percentile.
func (l *latencies) p99() time.Duration {
	if len(l.all) == 0 {
		return callTimeout
	}
	sorted := slices.Sorted(slices.Values(l.all))
	return sorted[min(len(sorted)-1, len(sorted)*99/100)]
}

// add calls a counter.
func add(ctx context.Context, c *client.Client, i int) error {
	id := actor.ID{Namespace: "counter", ID: fmt.Sprint(i % actors)}
	_, err := client.Call[int](ctx, c, id, "add", 1, client.WithTimeout(callTimeout))
	return err
}

// warmUp activates all actors.
func warmUp(ctx context.Context, c *client.Client) error {
	for i := range actors {
		if err := add(ctx, c, i); err != nil {
			return err
		}
	}
	return nil
}

// callAll calls actors until ctx ends.
func callAll(ctx context.Context, c *client.Client) (l latencies) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for first := range callers {
		all.Go(func() {
			one := callOften(ctx, c, first)
			mu.Lock()
			defer mu.Unlock()
			l.all, l.failed = append(l.all, one.all...), l.failed+one.failed
		})
	}
	all.Wait()
	return l
}

// callOften is one caller. Its calls are due at intervals, whether or not those before have ended.
func callOften(ctx context.Context, c *client.Client, first int) (l latencies) {
	due := time.Now()
	for i := first; ; i += callers {
		due = due.Add(callInterval)
		select {
		case <-ctx.Done():
			return l
		case <-time.After(time.Until(due)):
		}
		// The end of ctx does not cut a call short.
		err := add(context.WithoutCancel(ctx), c, i)
		took := time.Since(due)
		if err != nil {
			l.failed++
			took = max(took, callTimeout)
		}
		l.all = append(l.all, took)
	}
}

// arrive connects and calls again and again, each time as somebody new.
func arrive(ctx context.Context, addr string) (newcomers, unserved int, why error) {
	ticker := time.NewTicker(arriveInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return newcomers, unserved, why
		case <-ticker.C:
		}
		newcomers++
		if err := arriveOnce(context.WithoutCancel(ctx), addr); err != nil {
			unserved++
			why = err
		}
	}
}

func arriveOnce(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Addrs: []string{addr}})
	if err != nil {
		return err
	}
	defer c.Close()
	return add(ctx, c, 0)
}
