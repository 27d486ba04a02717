// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Program is somebody's own actors, with what its clients do and what must be true of it. It takes the place of the
// workloads. Its functions must follow from nothing but their Client: no clocks, goroutines, or random numbers of
// their own. Of one run, they are called one at a time: what Client learns may be kept in variables that Check reads.
// A Program that keeps any is good for one run.
type Program struct {
	// Kinds makes the actors, anew for each process of a node: what they share by memory is lost with the process, as
	// it is outside.
	Kinds func() []actor.Kind
	// Client is what each client does while faults rage; it returns when it has done enough, usually when Client.More
	// returns false.
	Client func(c *Client)
	// Check is called once, when faults have stopped and all clients are done: everything answers then. nil checks
	// nothing.
	Check func(c *Client)
}

// Client is a client of a Program, on a machine of its own. Its methods are called by its own task alone. Those that
// call actors, or let time pass, block.
type Client struct {
	// Client calls actors, as any client does: for code that takes one, with contexts from Within. The timeline does
	// not know of these calls.
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

// More paces a client: it returns true as often as the run asks for calls, at times at once and at times after a
// pause, in which actors get idle and nodes fail.
func (c *Client) More() bool { return c.worker.more() }

// Unique returns a name that nobody else in the run has: for an order, or an idempotency key.
func (c *Client) Unique() string { return c.worker.unique() }

// Errorf records that something is not as it must be. The run goes on.
func (c *Client) Errorf(format string, args ...any) {
	c.worker.violate("program", format, args...)
}

// Call calls an actor, and writes the call down for the timeline. A request of nil is empty; reply, if not nil,
// points to what the reply is decoded into. Errors are those of client.CallRaw: of those for which Unknown is true,
// the call may have run, or may still.
//
// It waits for as long as a failover takes, a few seconds, and once faults have stopped for as long as anything may
// take.
func (c *Client) Call(id api.ActorID, method string, request, reply any, opts ...client.CallOption) error {
	return c.CallWithin(c.patience(), id, method, request, reply, opts...)
}

// patience is how long a call waits whose caller does not say.
func (c *Client) patience() time.Duration {
	if c.worker.calm {
		return c.worker.answerBound()
	}
	return c.worker.callTimeout()
}

// CallWithin is a Call that waits no longer than d, in simulated time.
func (c *Client) CallWithin(d time.Duration, id api.ActorID, method string, request, reply any,
	opts ...client.CallOption) error {
	ctx, cancel := c.Within(d)
	defer cancel()
	k := c.worker
	op := k.history.begin(k.now(), k.name, id, method, shown(request))
	if reply == nil {
		reply = new(any) // for the timeline
	}
	err := c.send(ctx, id, method, request, reply, opts...)
	if code, app := applicationError(err); app {
		k.history.end(k.now(), op, fmt.Sprintf("error %s: %v", code, err), nil)
	} else {
		k.history.end(k.now(), op, shown(reply), err)
	}
	k.events.op(op)
	return err
}

func (c *Client) send(ctx context.Context, id api.ActorID, method string, request, reply any,
	opts ...client.CallOption) error {
	if request == nil {
		request = struct{}{}
	}
	body, err := actor.Marshal(request)
	if err != nil {
		return api.Errorf(api.CodeInvalidArgument, "the request of type %T does not encode: %v", request, err)
	}
	if body, err = c.CallRaw(ctx, id, method, body, opts...); err != nil {
		return err
	}
	if err := actor.Unmarshal(body, reply); err != nil {
		return api.Errorf(api.CodeInvalidArgument, "the reply of %s to %s does not fit a %T: %v", id, method, reply,
			err)
	}
	return nil
}

// Surely calls an actor under an idempotency key of its own, again and again until there is an answer: the call runs
// once. Its error is the actor's own (CodeApplication), or one that trying again does not better. That a cluster
// which nothing befalls any more does not answer is a violation by itself.
func (c *Client) Surely(id api.ActorID, method string, request, reply any) error {
	k := c.worker
	key, began := client.WithIdempotencyKey("surely/"+c.Unique()), k.now()
	for {
		err := c.Call(id, method, request, reply, key)
		if !passing(err) {
			return err
		}
		if k.stuck(began) {
			k.violate("liveness", "%s does not answer %s %v after the last fault: %v", id, method, k.now()-k.calmAt,
				err)
			return err
		}
		k.pause(k.random.Jitter(100*time.Millisecond) + time.Millisecond)
	}
}

// passing reports whether a call that failed so may be answered later. A cluster that is starting knows no namespaces
// yet, and a hello that was damaged on its way is a mismatch.
func passing(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeUnavailable, api.CodeUnknown, api.CodeDeadlineExceeded, api.CodeOverloaded, api.CodeMoved,
		api.CodeFenced, api.CodeNoCapacity, api.CodeUnknownNamespace, api.CodeMismatch,
		api.CodeStore, api.CodeQuarantined:
		return true
	}
	return false
}

// Unknown reports whether a call that returned err may have run, or may still run. A call that failed otherwise has
// had no effect.
func Unknown(err error) bool { return outcomeOf(err) == Pending }

// shown is what a timeline shows of a request or a reply: a pointer's address says nothing.
func shown(v any) any {
	p := reflect.ValueOf(v)
	for (p.Kind() == reflect.Pointer || p.Kind() == reflect.Interface) && !p.IsNil() {
		p = p.Elem()
	}
	if !p.IsValid() {
		return struct{}{}
	}
	return p.Interface()
}

// programWork is the workload of a program.
func (w *world) programWork() *workload {
	return &workload{Entry: Entry{Name: "program"}, run: func(k *worker) {
		w.Program.Client(&Client{Client: k.client, worker: k})
	}}
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
