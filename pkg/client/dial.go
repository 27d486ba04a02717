// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"log/slog"
	"net"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// Options say which cluster a client calls.
type Options struct {
	// Addrs are addresses of nodes, HOST:PORT. One is enough; with several, the client outlives the nodes it was told
	// of.
	Addrs []string
	// Logger gets what goes wrong with connections; nil for none.
	Logger *slog.Logger
}

// Dial connects to a cluster over TCP. It blocks until the first node answers, and gives each address a second. Close
// the client when you are done; the end of ctx after Dial has returned does not matter to it.
//
// Errors are CodeInvalidArgument for an address that can't be one, before anything is sent, and CodeUnavailable,
// naming each address with the reason, if no node answers.
func Dial(ctx context.Context, o Options) (*Client, error) {
	for _, addr := range o.Addrs {
		if err := checkAddress(addr); err != nil {
			return nil, err
		}
	}
	c, err := New(env.Real(), tcp.New(), Config(o))
	if err != nil {
		return nil, err
	}
	if err := c.reach(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// reach asks one address after the other, until a node answers.
func (c *Client) reach(ctx context.Context) error {
	var failed failures
	for _, addr := range c.inTurn() {
		err := c.askBirth(ctx, addr)
		if err == nil {
			return nil
		}
		failed = append(failed, failure{addr, err})
	}
	return api.Errorf(api.CodeUnavailable, "client: no node answers: %s", failed.reasons())
}

// checkAddress refuses what no node can listen on.
func checkAddress(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return nil
		}
	}
	return api.Errorf(api.CodeInvalidArgument, "client: %q is not the address of a node: want HOST:PORT, such as "+
		"10.0.0.1:7600", addr)
}
