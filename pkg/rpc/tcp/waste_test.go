// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// A peer whose requests cannot be served has the next one read when it is the turn of the bytes of the last: reading
// such requests as fast as they come would leave little time for others. What could be served costs no turn.
func TestRequestsOfNoUseWaitForTheirTurn(t *testing.T) {
	const sent = 1 << 20
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const turns = 8 * sent
	l := listener{tcp, rate.NewLimiter(1e-9, turns)} // that do not come back
	mux := rpc.NewMux()
	mux.HandleAsync("good", func(req *rpc.Request) { req.Reply(nil, nil) })
	mux.HandleAsync("gone", func(req *rpc.Request) { req.Reply(nil, api.Errorf(api.CodeNotFound, "gone")) })
	rpc.HandleTyped(mux, "typed", func(context.Context, *api.Ping) (*api.Pong, error) { return new(api.Pong), nil })
	server := rpc.NewServer(env.Real(), rpc.ServerConfig{}, mux)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), l) }()
	pool := rpc.NewPool(env.Real(), New(), rpc.PoolConfig{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	call := func(method string, want api.Code) {
		t.Helper()
		_, err := pool.Call(ctx, l.Addr(), rpc.ClassCall, method, make([]byte, sent))
		if api.CodeOf(err) != want {
			t.Fatalf("%s: %v", method, err)
		}
	}
	wantTurns := func(want float64) {
		t.Helper()
		if got := l.waste.Tokens(); got < want-1 || got > want+1 {
			t.Errorf("turns for %v bytes are left, want %v", got, want)
		}
	}
	call("good", api.CodeOK)
	call("gone", api.CodeNotFound)
	call("good", api.CodeOK)
	wantTurns(turns)
	call("typed", api.CodeInvalidArgument)
	call("good", api.CodeOK)
	wantTurns(turns - sent)
	call("absent", api.CodeUnknownMethod)
	call("good", api.CodeOK)
	wantTurns(turns - 2*sent)
	pool.Close()
	if err := errors.Join(server.Close(ctx), <-served); err != nil {
		t.Error(err)
	}
}
