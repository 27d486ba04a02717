// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	// callersCount is how many call at a time. Those below guestsFrom share clientsCount clients, which know owners
	// and have connections; each other one is a guest, who makes a client for every call. A guest finds those who
	// have taken over from a paused node, while clients wait for its answer.
	callersCount = 32
	guestsFrom   = 22
	clientsCount = 4
	// countersCount and registersCount are how many are called at a time.
	countersCount  = 32
	registersCount = 24
	// callsMax is after how many calls another actor takes the place of one, so that orders of its calls can be
	// searched.
	callsMax = 1500
	// callTimeout is the deadline of each call.
	callTimeout = 30 * time.Second
	// failuresShown is how many failed calls are shown one by one.
	failuresShown = 10
	// firstKey is the key of a kv actor that makes it a register.
	firstKey = "register"
)

// thought is how long a caller waits between calls: the processes are to be busy, but not the machine.
var thought = span{0, 30 * time.Millisecond}

// load is callers, and what they have seen.
type load struct {
	*testing.T
	clock
	addresses []string
	clients   []*client.Client
	// values counts what was put, so that no value is put twice.
	values atomic.Int64

	mu        sync.Mutex
	places    []*history // the actors called now
	histories []*history // of all
	calls     int
	failed    map[api.Code]int
	slowest   time.Duration // since it was asked for
}

func newLoad(t *testing.T, c clock, addresses []string) *load {
	t.Helper()
	l := &load{T: t, clock: c, addresses: addresses, failed: make(map[api.Code]int)}
	for i := range clientsCount {
		cl, err := l.newClient(i)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		l.clients = append(l.clients, cl)
	}
	for place := range countersCount + registersCount {
		l.places = append(l.places, nil)
		l.replace(place)
	}
	return l
}

// newClient returns a client that asks the address of that number first.
func (l *load) newClient(first int) (*client.Client, error) {
	first %= len(l.addresses)
	return client.New(env.Real(), tcp.New(),
		client.Config{Addrs: slices.Concat(l.addresses[first:], l.addresses[:first])})
}

// replace puts a new actor at a place.
func (l *load) replace(place int) {
	namespace := "counter"
	if place >= countersCount {
		namespace = "kv"
	}
	h := &history{actor: api.ActorID{Namespace: namespace, ID: fmt.Sprintf("a%d", len(l.histories))}}
	l.places[place] = h
	l.histories = append(l.histories, h)
}

// choose returns an actor to call.
func (l *load) choose(r *rand.Rand) *history {
	place := r.IntN(countersCount + registersCount)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places[place].begin() >= callsMax {
		l.replace(place)
		l.places[place].begin()
	}
	return l.places[place]
}

// run calls until ctx ends, and returns when all calls have.
func (l *load) run(ctx context.Context, seed uint64) {
	var callers sync.WaitGroup
	for i := range callersCount {
		r := rand.New(rand.NewPCG(seed, uint64(1000+i)))
		callers.Go(func() {
			for ctx.Err() == nil {
				l.callOne(i, r)
				select {
				case <-ctx.Done():
				case <-time.After(thought.draw(r)):
				}
			}
		})
	}
	callers.Wait()
}

// callOne makes a call of some actor.
func (l *load) callOne(caller int, r *rand.Rand) {
	h := l.choose(r)
	method := "get"
	if r.IntN(3) > 0 {
		method = map[string]string{"counter": "add", "kv": "put"}[h.actor.Namespace]
	}
	l.call(caller, h, method)
}

// readAll reads every actor once more.
func (l *load) readAll() {
	l.mu.Lock()
	left := l.histories
	l.mu.Unlock()
	var readers sync.WaitGroup
	for i := range clientsCount {
		readers.Go(func() {
			for at := i; at < len(left); at += clientsCount {
				l.call(i, left[at], "get")
			}
		})
	}
	readers.Wait()
}

// call makes a call and keeps what became of it.
func (l *load) call(caller int, h *history, method string) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	o := &op{caller: caller, method: method}
	var request any
	switch {
	case method == "add":
		request = 1
	case method == "put":
		o.value = l.values.Add(1)
		request = map[string]any{"key": firstKey, "value": o.value}
	default:
		request = map[string]any{"counter": struct{}{}, "kv": firstKey}[h.actor.Namespace]
	}
	o.called = l.now()
	reply, err := l.as(caller, func(c *client.Client) (*int64, error) {
		return client.Call[*int64](ctx, c, h.actor, method, request)
	})
	o.returned, o.err = l.now(), err
	if reply != nil {
		o.reply = *reply
	}
	h.add(o)
	l.count(h, o)
}

// as makes a call by the client of a caller.
func (l *load) as(caller int, call func(*client.Client) (*int64, error)) (*int64, error) {
	if caller < guestsFrom {
		return call(l.clients[caller%clientsCount])
	}
	c, err := l.newClient(caller)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return call(c)
}

func (l *load) count(h *history, o *op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if o.err == nil {
		l.slowest = max(l.slowest, o.returned-o.called)
		return
	}
	code, shown := api.CodeOf(o.err), 0
	for _, n := range l.failed {
		shown += n
	}
	l.failed[code]++
	if shown < failuresShown {
		l.Errorf("%v: %s of %s by caller %d failed after %v: %v", seconds(o.returned), o.method, h.actor, o.caller,
			(o.returned - o.called).Round(time.Millisecond), o.err)
	}
}

// String says what was called so far.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slowest := l.slowest.Round(time.Millisecond)
	l.slowest = 0
	return fmt.Sprintf("%d calls of %d actors, failed: %v, slowest of late: %v", l.calls, len(l.histories), l.failed,
		slowest)
}
