// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	rollingCallers = 64
	// rollingIdle is how many actors are moved beside those that are called, so that drains take a while.
	rollingIdle = 3000
)

// rolling is callers that use the client, none of whose calls may fail: it repeats, under the same key, what it has
// no answer to.
type rolling struct {
	*cluster
	client   *client.Client
	acked    [countersCount]atomic.Int64
	calls    atomic.Int64
	longest  atomic.Int64 // of a call, in nanoseconds, since the last report
	stopping chan struct{}
	callers  sync.WaitGroup
}

func (c *cluster) startRolling() *rolling {
	c.Helper()
	called, err := client.New(env.Real(), tcp.New(), client.Config{Addrs: c.addresses()})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(called.Close)
	r := &rolling{cluster: c, client: called, stopping: make(chan struct{})}
	r.fill()
	for i := range rollingCallers {
		r.callers.Go(func() { r.run(i) })
	}
	c.Cleanup(r.stop) // before the daemons are killed
	r.awaitCalls()
	return r
}

// fill activates the actors that are not called again.
func (r *rolling) fill() {
	r.Helper()
	var fillers sync.WaitGroup
	for i := range rollingCallers {
		fillers.Go(func() {
			for n := i; n < rollingIdle; n += rollingCallers {
				if _, err := r.ask(fmt.Sprintf("idle%d", n), "get", struct{}{}); err != nil {
					r.Errorf("actor %d: %v", n, err)
				}
			}
		})
	}
	fillers.Wait()
}

func (r *rolling) ask(id, method string, request any) (int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return client.Call[int64](ctx, r.client, api.ActorID{Namespace: "counter", ID: id}, method, request)
}

// run is one caller.
func (r *rolling) run(caller int) {
	for n := caller; ; n++ {
		select {
		case <-r.stopping:
			return
		default:
		}
		began, counter := time.Now(), n%countersCount
		if _, err := r.ask(fmt.Sprintf("c%d", counter), "add", 1); err != nil {
			r.Errorf("add to c%d, after %v: %v", counter, time.Since(began).Round(time.Millisecond), err)
			continue
		}
		r.acked[counter].Add(1)
		r.calls.Add(1)
		for took := int64(time.Since(began)); ; {
			if was := r.longest.Load(); was >= took || r.longest.CompareAndSwap(was, took) {
				break
			}
		}
	}
}

// awaitCalls waits until every counter has been called again.
func (r *rolling) awaitCalls() {
	r.Helper()
	var from [countersCount]int64
	for i := range r.acked {
		from[i] = r.acked[i].Load()
	}
	poll(r.T, "every counter answers", func() error {
		for i := range r.acked {
			if r.acked[i].Load() == from[i] {
				return fmt.Errorf("c%d does not", i)
			}
		}
		return nil
	})
}

func (r *rolling) report(what string) {
	r.Helper()
	r.Logf("%s: the longest call took %v (%d calls so far)", what,
		time.Duration(r.longest.Swap(0)).Round(time.Millisecond), r.calls.Load())
}

func (r *rolling) stop() {
	select {
	case <-r.stopping:
	default:
		close(r.stopping)
	}
	r.callers.Wait()
}

// finish ends the callers and wants every counter to be what was acknowledged: no call lost, none counted twice.
func (r *rolling) finish() {
	r.Helper()
	r.stop()
	for i := range r.acked {
		final, err := r.ask(fmt.Sprintf("c%d", i), "get", struct{}{})
		if want := r.acked[i].Load(); err != nil || final != want {
			r.Errorf("c%d is %d after %d acknowledged adds (%v)", i, final, want, err)
		}
	}
}

// job asks a node how its job stands.
func (r *rolling) job(node *daemon) (*api.BulkStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return rpc.CallTyped[api.BulkStatusRequest, api.BulkStatus](ctx, r.pool, node.address, api.MethodBulkStatus,
		&api.BulkStatusRequest{Node: node.name})
}

// TestRollingRestart shows that nodes can be restarted one after the other under load: by the signal that service
// managers send, each moves its actors to the others before it stops, and no call fails, is lost or counts twice.
func TestRollingRestart(t *testing.T) {
	c := newCluster(t, 3, lease{ttl: 5 * time.Second, heartbeat: time.Second})
	r := c.startRolling()
	r.report("before")
	for _, node := range c.nodes {
		owned := len(c.wantActors(node))
		began := time.Now()
		node.stop()
		took := time.Since(began)
		if log := node.log.String(); !strings.Contains(log, "actors moved") || strings.Contains(log, "left=") &&
			!strings.Contains(log, "left=0") {
			t.Errorf("%s has stopped without being empty", node.name)
		}
		t.Logf("%s had %d actors, and stopped in %v", node.name, owned, took.Round(time.Millisecond))
		r.awaitCalls()
		r.report(node.name + " was stopped")
		node.start()
		c.awaitNodes()
		r.awaitCalls()
		r.report(node.name + " was started")
	}
	c.kelpie("cluster", "rebalance", "--yes")
	r.report("rebalanced")
	r.finish()
}

// TestNodeIsKilledWhileItDrains shows that a node that dies in the middle of its drain costs no call either: what has
// moved is where it was moved to, and the rest is taken over.
func TestNodeIsKilledWhileItDrains(t *testing.T) {
	c := newCluster(t, 3, lease{ttl: 1500 * time.Millisecond, heartbeat: 300 * time.Millisecond})
	r := c.startRolling()
	for _, node := range c.nodes[:2] {
		c.wantActors(node)
		node.signal(syscall.SIGTERM)
		var at *api.BulkStatus
		poll(t, node.name+" drains", func() (err error) {
			if at, err = r.job(node); err == nil && at.Moved == 0 {
				err = fmt.Errorf("it is %+v", at)
			}
			return err
		})
		node.kill()
		r.awaitCalls()
		t.Logf("%s was killed after it had moved %d actors, with %d left", node.name, at.Moved, at.Left)
		r.report(node.name + " was killed")
		if at.Left == 0 {
			t.Errorf("%s was empty before it was killed", node.name)
		}
		node.start()
		c.awaitNodes()
	}
	r.finish()
}
