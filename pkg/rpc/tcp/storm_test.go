// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp_test

import (
	"context"
	"flag"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

var stormClients = flag.Int("storm.clients", 300, "how many clients connect at once in TestAStormOfClientsIsServed")

// cpu is the processor time that the process has taken.
func cpu(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// All clients of a server come at once, as they do when it was restarted. Both ends of all connections are in this
// process. Memory is what it costs most to make a connection: buffers are to begin small.
func TestAStormOfClientsIsServed(t *testing.T) {
	const bytesMax = 160 << 10 // for a client, both ends
	e, mux := env.Real(), rpc.NewMux()
	mux.HandleAsync("echo", func(req *rpc.Request) { req.Reply(req.Payload, nil) })
	server := rpc.NewServer(e, rpc.ServerConfig{ConnectionsMax: 2 * *stormClients,
		ConnectionsPerAddressMax: 2 * *stormClients}, mux)
	l, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(t.Context(), l) }()
	pools := make([]*rpc.Pool, *stormClients)
	for i := range pools {
		pools[i] = rpc.NewPool(e, tcp.New(), rpc.PoolConfig{DialTimeout: time.Minute})
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, used := time.Now(), cpu(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var calls sync.WaitGroup
	for _, pool := range pools {
		calls.Go(func() {
			if _, err := pool.Call(ctx, l.Addr(), rpc.ClassCall, "echo", []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	each := (cpu(t) - used) / time.Duration(len(pools))
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	bytes := int(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse) / len(pools)
	t.Logf("%d clients: %v, %v of processor time and %d bytes for each", len(pools), took, each, bytes)
	if bytes > bytesMax {
		t.Errorf("a connection takes %d bytes, and may take %d", bytes, bytesMax)
	}
	for _, pool := range pools {
		pool.Close()
	}
	if err := server.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
