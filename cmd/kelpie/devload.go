// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	// devActors is how many actors of each namespace are called.
	devActors = 100
	// devCallers bounds the calls that wait at a time: those of a node that has died, above all.
	devCallers = 256
	// devCallTimeout is longer than actors of a dead node are waited for.
	devCallTimeout = 10 * time.Second
	// devLargeBytes makes a value that takes a while to write, and some of them a while to list.
	devLargeBytes = 64 << 10
)

// devCall is a call of the load, and how often it is made beside the others.
type devCall struct {
	weight int
	// actor is the actor's name; one that ends in "-" stands for devActors of them.
	actor, method string
	request       func(n int) any
}

var devCalls = []devCall{
	{40, "counter/load-", "add", func(int) any { return 1 }},
	{15, "counter/load-", "get", func(int) any { return struct{}{} }},
	{10, "counter/load-hot", "add", func(int) any { return 1 }},
	{10, "kv/load-", "put", func(n int) any { return kvPair{fmt.Sprintf("k%d", n%10), n} }},
	{10, "kv/load-", "get", func(n int) any { return fmt.Sprintf("k%d", n%10) }},
	{4, "cache/load-", "put", func(n int) any { return kvPair{"latest", n} }},
	{4, "cache/load-", "get", func(int) any { return "latest" }},
	// Slow beside the others:
	{2, "kv/load-large", "put", func(n int) any {
		return kvPair{fmt.Sprintf("k%d", n%8), strings.Repeat("x", devLargeBytes)}
	}},
	{2, "kv/load-large", "list", func(int) any { return kvListRequest{} }},
	// Refused:
	{2, "counter/load-full", "add", func(int) any { return int64(math.MaxInt64) }},
	{1, "kv/load-wrong", "list", func(int) any { return kvListRequest{Limit: -1} }},
}

// devLoad calls the actors of a playground until it is stopped.
type devLoad struct {
	client                    *client.Client
	rate                      int
	cancel                    context.CancelFunc
	calls                     sync.WaitGroup
	answered, refused, failed atomic.Int64
}

// startLoad starts the load if there should be one; else it returns one that does nothing.
func (p *playground) startLoad(ctx context.Context) (*devLoad, error) {
	l := &devLoad{rate: p.flags.rate}
	if !p.flags.load {
		return l, nil
	}
	var err error
	if l.client, err = client.New(env.Real(), tcp.New(), client.Config{Addrs: p.addresses()}); err != nil {
		return nil, err
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.calls.Go(func() { l.run(ctx) })
	return l, nil
}

// run makes calls at even intervals. While too many wait, none is made.
func (l *devLoad) run(ctx context.Context) {
	slots := make(chan struct{}, devCallers)
	ticks := time.NewTicker(time.Second / time.Duration(l.rate))
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			continue
		}
		l.calls.Go(func() {
			l.call(ctx, n)
			<-slots
		})
	}
}

func (l *devLoad) call(ctx context.Context, n int) {
	limited, cancel := context.WithTimeout(ctx, devCallTimeout)
	defer cancel()
	c := chooseDevCall()
	if c.actor[len(c.actor)-1] == '-' {
		c.actor += fmt.Sprint(rand.IntN(devActors))
	}
	id, err := api.ParseActorID(c.actor)
	must(err)
	request, err := actor.Marshal(c.request(n))
	must(err)
	_, err = l.client.CallRaw(limited, id, c.method, request)
	switch {
	case err == nil:
		l.answered.Add(1)
	case api.CodeOf(err) == api.CodeApplication:
		l.refused.Add(1)
	case ctx.Err() == nil: // what is still on its way at the end has not failed
		l.failed.Add(1)
	}
}

// chooseDevCall chooses by weight.
func chooseDevCall() devCall {
	at := rand.IntN(devWeights())
	for _, c := range devCalls {
		if at -= c.weight; at < 0 {
			return c
		}
	}
	panic("kelpie: weights that do not add up")
}

func devWeights() int {
	all := 0
	for _, c := range devCalls {
		all += c.weight
	}
	return all
}

// stop ends the load, and says what came of it.
func (l *devLoad) stop() string {
	if l.client == nil {
		return ""
	}
	l.cancel()
	l.calls.Wait()
	l.client.Close()
	return fmt.Sprintf("load: %d calls answered, %d refused by their actors, %d failed\n", l.answered.Load(),
		l.refused.Load(), l.failed.Load())
}
