// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// worker is a client of the run: it calls actors and writes down what it sees.
type worker struct {
	*world
	name   string
	env    env.Env
	client *client.Client
	random *env.Rand
	made   int // calls
	due    int // how many it is to make
	sent   int // things of unique names
	starts int // how often it has started again
}

func (w *world) newWorker(name string, calls int) *worker {
	k := &worker{world: w, name: name, env: w.sched.Machine(name), random: w.draw.source("client " + name), due: calls}
	k.connect()
	return k
}

// connect has the worker call by a client that knows nothing yet.
func (k *worker) connect() {
	c, err := client.New(k.env, k.network.Transport(k.env, k.name), client.Config{Addrs: k.world.addresses()})
	if err != nil {
		panic("sim: a client of known addresses: " + err.Error())
	}
	k.client = c
}

// more paces the client: bursts of calls, and pauses in which actors get idle. It returns false at the end.
func (k *worker) more() bool {
	if k.made >= k.due {
		return false
	}
	k.made++
	if k.calm || k.random.IntN(3) > 0 {
		return true
	}
	// Two thirds of the calls come at once after another: the pauses share out the time among the rest.
	mean := 3 * k.For / time.Duration(k.due)
	if k.Early {
		mean /= 4
	}
	k.pause(k.random.Jitter(2 * mean))
	return true
}

func (k *worker) pause(d time.Duration) { _ = env.Sleep(k.env, k.ctx, d) } // nothing ends it

// callTimeout bounds a call. Clients in a hurry wait for less than a lease.
func (w *world) callTimeout() time.Duration {
	if w.Hasty && !w.calm {
		return w.LeaseTTL / 2
	}
	return 2*w.LeaseTTL + 3*time.Second
}

// unique returns a name that nobody else uses.
func (k *worker) unique() string {
	k.sent++
	return k.name + "." + strconv.Itoa(k.sent)
}

// call makes a call and records it. An error of the actor's own is an answer.
func call[Resp any](k *worker, id api.ActorID, method string, input any, opts ...client.CallOption) (*Op, Resp) {
	ctx, cancel := env.WithTimeout(k.env, k.ctx, k.callTimeout())
	defer cancel()
	return callWithin[Resp](ctx, k, id, method, input, opts...)
}

func callWithin[Resp any](ctx context.Context, k *worker, id api.ActorID, method string, input any,
	opts ...client.CallOption) (*Op, Resp) {
	request := input
	if input == nil {
		request = struct{}{}
	}
	op := k.history.begin(k.now(), k.name, id, method, input)
	out, err := client.Call[Resp](ctx, k.client, id, method, request, opts...)
	if appErr, ok := applicationError(err); ok {
		k.history.end(k.now(), op, appErr, nil)
	} else {
		k.history.end(k.now(), op, out, err)
	}
	k.events.op(op)
	return op, out
}

// applicationCode is what an actor's own error answered.
type applicationCode string

func applicationError(err error) (applicationCode, bool) {
	var e *api.Error
	if errors.As(err, &e) && e.Code == api.CodeApplication {
		return applicationCode(e.Detail[api.DetailCode]), true
	}
	return "", false
}

// surely makes a call that is not given up until it has been answered, and has its effect once: by one call that the
// client repeats as long as it takes, or by one after the other under a key of their own.
func surely[Resp any](k *worker, id api.ActorID, method string, input any) (*Op, Resp, bool) {
	key := ""
	if k.random.IntN(3) == 0 && k.MaxRecords == 0 { // a key that was forgotten is a new one
		key = k.unique()
	}
	var out Resp
	op := insist(k, id, method, input, key, func(r Resp) any { out = r; return r })
	return op, out, op.Outcome == OK
}

// insist makes a call until it has been answered, under a key of its caller's own if that is not "", and records what
// shown returns for the answer.
func insist[Resp any](k *worker, id api.ActorID, method string, input any, key string, shown func(Resp) any) *Op {
	timeout, opts := max(k.For-k.now(), 0)+k.insistBound(), []client.CallOption(nil)
	if key != "" {
		timeout, opts = k.callTimeout(), []client.CallOption{client.WithIdempotencyKey(key)}
	}
	op, starts := k.history.begin(k.now(), k.name, id, method, input), k.starts
	for {
		if k.starts > starts {
			k.history.end(k.now(), op, nil, errRestarted)
			k.events.op(op)
			return op
		}
		if k.calm {
			timeout = max(timeout, k.insistBound()) // others may wait before it
		}
		ctx, cancel := env.WithTimeout(k.env, k.ctx, timeout)
		out, err := client.Call[Resp](ctx, k.client, id, method, input, opts...)
		cancel()
		code, app := applicationError(err)
		switch {
		case app:
			k.history.end(k.now(), op, code, nil)
		case err == nil:
			k.history.end(k.now(), op, shown(out), nil)
		case k.starts > starts:
			k.history.end(k.now(), op, nil, errRestarted)
		case !slices.Contains(expectedCodes, api.CodeOf(err)):
			k.history.end(k.now(), op, nil, err)
		case k.stuck(op.From) || len(opts) == 0 && outcomeOf(err) == Pending || refusedForGood(err):
			k.history.end(k.now(), op, nil, givenUp(err))
		default:
			k.pause(k.random.Jitter(100*time.Millisecond) + time.Millisecond)
			continue
		}
		k.events.op(op)
		return op
	}
}

// givenUp is the end of a call that nobody repeats any more.
func givenUp(err error) error {
	out := api.Errorf(api.CodeUnknown, "given up: %w", err)
	if refusedForGood(err) {
		out.Detail = map[string]string{api.DetailFinal: "true"}
	}
	return out
}

// refusedForGood reports whether an actor no longer knows what has become of a call, and never will.
func refusedForGood(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Detail[api.DetailFinal] != ""
}

// withoutStore reports whether a client has given a call up because no node reached the store.
func withoutStore(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if e, ok := err.(*api.Error); ok && e.Detail[api.DetailStoreSilent] != "" {
			return true
		}
	}
	return false
}

// quarantined reports whether a call has met an actor that is quarantined: an earlier try may have run.
func quarantined(err error) bool { return errors.Is(err, &api.Error{Code: api.CodeQuarantined}) }

// insistBound is how long after the end of all faults a call is answered, however many wait before it.
func (k *worker) insistBound() time.Duration {
	bound := 2*k.answerBound() + k.hangTime()
	if k.hasJobs() {
		bound += time.Duration(k.Clients) * jobsAtOnceMax * k.jobTime()
	}
	return bound
}

// hangTime is how long handlers that never return may hold up an actor: all that were handed out, one after the other.
func (w *world) hangTime() time.Duration { return time.Duration(w.jobs.hangs) * hangHoldsUp }

// jobTime is about how long a job takes that has to wait for none: each of its calls may find its actor deactivated,
// and has a few ways to go.
func (c *Config) jobTime() time.Duration { return 30 * (c.NetDelay + c.StoreDelay) }

// stuck reports whether a call that began so long ago should have been answered: faults have stopped, and there was
// time since.
func (k *worker) stuck(from time.Duration) bool {
	return k.calm && k.now() > max(from, k.calmAt)+max(k.answerBound()+k.hangTime(), k.insistBound()/2)
}

// answerBound is how long after the end of all faults everything answers.
func (w *world) answerBound() time.Duration { return 6*w.LeaseTTL + 30*time.Second }
