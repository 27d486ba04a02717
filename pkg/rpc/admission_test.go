// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// connect has a process of a host connect, and returns why it can't.
func (w *world) connect(host string, identity rpc.Identity) error {
	pool := rpc.NewPool(w.env, w.network.Transport(w.env, host), rpc.PoolConfig{Identity: identity})
	w.t.Cleanup(pool.Close)
	_, err := pool.Peer(background, addr)
	return err
}

// Callers fill a server, and nodes and tools still get room; one address gets its share and no more. Who is refused is
// told why, and the log tells it once in a while.
func TestCallersLeaveRoomForNodesAndTools(t *testing.T) {
	var log strings.Builder
	config := rpc.ServerConfig{ConnectionsMax: 32, ConnectionsPerAddressMax: 20,
		Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inVirtualTime(t, 2, options{server: config}, nil, func(t *testing.T, w *world) {
		log.Reset()
		got, refused := 0, 0
		enter := func(host string, n int, want string) {
			t.Helper()
			for range n {
				switch err := w.connect(host, rpc.Identity{}); {
				case err == nil:
					got++
				case api.CodeOf(err) != api.CodeOverloaded || !strings.Contains(err.Error(), want):
					t.Errorf("%s is refused by: %v, want a word of %q", host, err, want)
				default:
					refused++
				}
			}
		}
		enter("many", 25, "--max-connections-per-address")
		if got != 20 || refused != 5 {
			t.Errorf("one address got %d connections, %d were refused", got, refused)
		}
		enter("more", 15, "kept for nodes and tools")
		if got != 30 {
			t.Errorf("callers got %d connections", got)
		}
		for i, identity := range []rpc.Identity{{NodeID: "n1"}, {Control: true}} { // from a full address, too
			if err := w.connect("many", identity); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if err := w.connect("other", rpc.Identity{Control: true}); api.CodeOf(err) != api.CodeOverloaded {
			t.Errorf("a connection more than there may be: %v", err)
		}
		if n := w.server.Stats().Refused; n != 11 {
			t.Errorf("%d refusals are counted", n)
		}
		if n := strings.Count(log.String(), "were refused"); n != 1 {
			t.Errorf("refusals are logged %d times:\n%s", n, log.String())
		}
		sleep(t, w.env, 11*time.Second)
		enter("more", 1, "--max-connections")
		if n := strings.Count(log.String(), "were refused"); n != 2 || !strings.Contains(log.String(), "times=11") {
			t.Errorf("refusals are logged %d times:\n%s", n, log.String())
		}
	})
}

// Connections that say nothing take no room from those that say who they are, but for a few.
func TestSilentConnectionsAreBounded(t *testing.T) {
	inVirtualTime(t, 2, options{server: rpc.ServerConfig{ConnectionsMax: 16}}, nil, func(t *testing.T, w *world) {
		for i := range 200 {
			link, err := w.network.Transport(w.env, fmt.Sprint("silent", i%3)).Dial(background, addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(link.Close)
		}
		sleep(t, w.env, time.Second)
		if n := w.server.Stats().Connections; n > 16+64 {
			t.Errorf("%d connections", n)
		}
		sleep(t, w.env, 10*time.Second)
		if n := w.server.Stats().Connections; n != 0 {
			t.Errorf("%d connections that say nothing are kept", n)
		}
		answer, err := w.call("echo", "x")
		wantAnswer(t, answer, err, "x")
	})
}
