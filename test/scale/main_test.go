// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// storeVar makes the test binary a store. It writes its address to standard output, and ends when standard input does.
const storeVar = "KELPIE_SCALE_STORE"

func TestMain(m *testing.M) {
	if os.Getenv(storeVar) == "" {
		os.Exit(m.Run())
	}
	if err := serveStore(); err != nil {
		fmt.Fprintln(os.Stderr, "the store:", err)
		os.Exit(1)
	}
}

// serveStore serves a store in memory: how fast a disk is has no say in what this test shows.
func serveStore() error {
	e := env.Real()
	store, err := occ.Open(e, occ.NewMemory(), occ.Options{})
	if err != nil {
		return err
	}
	listener, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := rpc.NewMux()
	remote.Register(mux, e, store)
	server := rpc.NewServer(e, rpc.ServerConfig{}, mux)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), listener) }()
	fmt.Println(listener.Addr())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		served <- nil
	}()
	return <-served
}

// startStore starts a store in a process of its own, and returns it as a node sees it.
func startStore(t *testing.T) kv.Store {
	t.Helper()
	store, _ := startStoreAt(t)
	return store
}

// startStoreAt is startStore that says where the store is.
func startStoreAt(t *testing.T) (s kv.Store, address string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), storeVar+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		check(t, stdin.Close())
		check(t, cmd.Wait())
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	check(t, err)
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	t.Cleanup(pool.Close)
	store := remote.Open(env.Real(), pool, strings.TrimSpace(addr))
	t.Cleanup(func() { check(t, store.Close()) })
	return store, strings.TrimSpace(addr)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
