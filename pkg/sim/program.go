// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Program is somebody's own actors, with what its clients do and what must be true of it. It takes the place of the
// workloads. Its functions must follow from nothing but their Client: no clocks, goroutines, or random numbers of their own.
type Program struct {
	// Kinds makes the actors, anew for each process of a node: what they share by memory is lost with the process, as it
	// is outside.
	Kinds func() []actor.Kind
	// Client is what each client does while faults rage; it returns when it has done enough.
	Client func(c *Client)
	// Check is called once, when faults have stopped and all clients are done: everything answers then.
	Check func(c *Client)
}

// Client is a client of a Program, on a machine of its own. Its methods are called by its own task alone.
type Client struct {
	// Client calls actors, as any client does.
	*client.Client
	worker *worker
}

// Name returns the client's name, c1, c2 ..., or "reader" in Program.Check.
func (c *Client) Name() string { return c.worker.name }

// Env returns the world that the client lives in: its clock, and its random numbers.
func (c *Client) Env() env.Env { return c.worker.env }

// IntN returns a random number in [0, n) that follows from the seed.
func (c *Client) IntN(n int) int { return c.worker.random.IntN(n) }

// Pause lets simulated time pass.
func (c *Client) Pause(d time.Duration) { c.worker.pause(d) }

// Within returns a context that ends after some simulated time.
func (c *Client) Within(d time.Duration) (context.Context, context.CancelFunc) {
	return env.WithTimeout(c.worker.env, c.worker.ctx, d)
}

// Raging reports whether faults still happen.
func (c *Client) Raging() bool { return !c.worker.calm }

// Calls returns how many calls the run asks each client for.
func (c *Client) Calls() int { return c.worker.due }

// Errorf records that something is not as it must be. The run goes on.
func (c *Client) Errorf(format string, args ...any) {
	c.worker.violate("program", format, args...)
}

// Call calls an actor, and writes the call down for the timeline.
func (c *Client) Call(id api.ActorID, method string, request, reply any, opts ...client.CallOption) error {
	k := c.worker
	ctx, cancel := env.WithTimeout(k.env, k.ctx, k.callTimeout())
	defer cancel()
	op := k.history.begin(k.now(), k.name, id, method, request)
	body, err := actor.Marshal(request)
	if err == nil {
		body, err = k.client.CallRaw(ctx, id, method, body, opts...)
	}
	if err == nil && reply != nil {
		err = actor.Unmarshal(body, reply)
	}
	k.history.end(k.now(), op, reply, err)
	k.events.op(op)
	return err
}

// programWork is the workload of a program.
func (w *world) programWork() *workload {
	return &workload{Entry: Entry{Name: "program"}, run: func(k *worker) { w.Program.Client(&Client{Client: k.client, worker: k}) }}
}

// checkProgram asks the program whether all is as it must be.
func (w *world) checkProgram() {
	if w.Program == nil || w.Program.Check == nil {
		return
	}
	k := w.newWorker(readerHost, 0)
	done := env.NewFuture[struct{}](w.env)
	k.env.Go("check", func() {
		w.Program.Check(&Client{Client: k.client, worker: k})
		done.Complete(struct{}{}, nil)
	})
	bound, cancel := env.WithTimeout(w.env, w.ctx, 10*w.answerBound())
	defer cancel()
	if _, err := done.Wait(bound); err != nil {
		w.violate("liveness", "the program's check has not returned %v after the last fault", w.now()-w.calmAt)
	}
}
