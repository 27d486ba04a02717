// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func main() {
	dir := flag.String("dir", "", "directory to make, for the binary and the node's data")
	store := flag.String("store", "", "URL of the store")
	duration := flag.String("duration", "10s", "how long each mix is measured")
	flag.Parse()
	if err := measure(*dir, *store, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// measure builds the command, starts a node on the store and puts load on it.
func measure(dir, store, duration string) (err error) {
	kelpie := filepath.Join(dir, "kelpie")
	if err := command("go", "build", "-tags", "fdb", "-o", kelpie, "./cmd/kelpie").Run(); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	node := command(kelpie, "node", "start", "--node-id", "bench", "--store", store, "--listen", address, "--data-dir",
		filepath.Join(dir, "data"))
	if err := node.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Process.Signal(syscall.SIGTERM), node.Wait()) }()
	if err := command(kelpie, "cluster", "wait", "--nodes", "1", "--addr", address, "--timeout",
		"1m").Run(); err != nil {
		return err
	}
	for _, callers := range []string{"1", "64", "256"} {
		fmt.Printf("%s callers, add and get of counters:\n", callers)
		if err := command(kelpie, "bench", "--addr", address, "--callers", callers, "--duration",
			duration).Run(); err != nil {
			return err
		}
	}
	return nil
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// freeAddress returns a loopback address that nobody listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
