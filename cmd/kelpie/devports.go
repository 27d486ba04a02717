// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

const portMax = 1<<16 - 1

// devAddresses are where the processes of a playground listen.
type devAddresses struct {
	nodes []string
	store string
}

// planDev chooses the addresses, and finds out that nobody listens there. Errors are CodeInvalidArgument of a flag, and
// CodeFailedPrecondition of a port in use.
func planDev(listen string, nodes int) (a devAddresses, err error) {
	at, first, err := parseDevListen(listen, nodes)
	if err != nil {
		return a, err
	}
	// All are held until the last one is found: any free port must not be the same one twice.
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close() // nobody has used it
		}
	}()
	hold := func(port int) (string, error) {
		l, err := net.Listen("tcp", net.JoinHostPort(at, strconv.Itoa(port)))
		if err != nil {
			return "", err
		}
		held = append(held, l)
		_, chosen, err := net.SplitHostPort(l.Addr().String())
		return net.JoinHostPort(at, chosen), err
	}
	for i := range nodes {
		port := first
		if first != 0 {
			port += i
		}
		address, err := hold(port)
		if err != nil {
			return a, busyPort(net.JoinHostPort(at, strconv.Itoa(port)), devNodeName(i), err)
		}
		a.nodes = append(a.nodes, address)
	}
	if next := first + nodes; first != 0 && next <= portMax {
		a.store, err = hold(next)
	}
	if a.store == "" { // nobody needs to know the store's port beforehand
		a.store, err = hold(0)
	}
	if err != nil {
		return a, busyPort(net.JoinHostPort(at, "0"), devStoreName, err)
	}
	return a, nil
}

// parseDevListen splits --listen, and wants it to be this machine's own.
func parseDevListen(listen string, nodes int) (at string, port int, err error) {
	at, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, api.Errorf(api.CodeInvalidArgument, "--listen %q: write HOST:PORT, such as %s", listen,
			cli.DefaultListen)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, api.Errorf(api.CodeInvalidArgument, "--listen %q: %q is not a port; ports are numbers from "+
			"0 to %d",
			listen, text, portMax)
	}
	port = int(number)
	if port+nodes-1 > portMax {
		return "", 0, api.Errorf(api.CodeInvalidArgument, "--listen %s: there are no %d ports from %d on; the "+
			"last port is %d", listen, nodes, port, portMax)
	}
	if ip, err := netip.ParseAddr(at); at != "localhost" && (err != nil || !ip.IsLoopback()) {
		return "", 0, cli.Advise(
			api.Errorf(api.CodeInvalidArgument, "--listen %q: a playground is for this machine alone; the host "+
				"must be localhost, 127.0.0.1 or ::1", listen),
			"to start a cluster that others reach, use \"kelpie node start\"",
		)
	}
	return at, port, nil
}

func busyPort(address, name string, err error) error {
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "can't start %s: can't listen at %s: %s", name, address,
			cli.Reason(err)),
		"stop the program that listens there, or choose other ports with --listen, such as --listen 127.0.0.1:7700",
	)
}

const devStoreName = "store"

// devNodeName is the name of the node with that index.
func devNodeName(i int) string { return fmt.Sprintf("n%d", i+1) }
