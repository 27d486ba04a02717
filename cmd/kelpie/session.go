// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// timeoutDefault is how long an answer is waited for: longer than a node's actors
// take to move when it dies, at the default lease.
const timeoutDefault = 30 * time.Second

// connection is the flags of a command that asks the cluster.
type connection struct {
	addrs   []string
	timeout time.Duration
}

func (c *connection) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.addrs, "addr", []string{host.DefaultListen}, "addresses of nodes, HOST:PORT[,HOST:PORT...], tried in turn")
	flags.DurationVar(&c.timeout, "timeout", timeoutDefault, "how long to wait for an answer")
	host.Variable(flags, "addr", "KELPIE_ADDR")
	host.Variable(flags, "timeout", "KELPIE_TIMEOUT")
}

// validate checks the flags. Errors are CodeInvalidArgument.
func (c *connection) validate() error {
	if len(c.addrs) == 0 {
		return api.Errorf(api.CodeInvalidArgument, "--addr: at least one address of a node is needed, such as %s", host.DefaultListen)
	}
	for _, addr := range c.addrs {
		if err := host.CheckAddress("--addr", addr); err != nil {
			return err
		}
	}
	if c.timeout <= 0 {
		return api.Errorf(api.CodeInvalidArgument, "--timeout %v: must be more than nothing, such as %v", c.timeout, timeoutDefault)
	}
	return nil
}

// session is a command's connection to the cluster.
type session struct {
	connection
	env  env.Env
	pool *rpc.Pool
}

// open returns a session, which connects when first used.
func (c *connection) open() (*session, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	e := env.Real()
	return &session{connection: *c, env: e, pool: rpc.NewPool(e, tcp.New(), rpc.PoolConfig{})}, nil
}

func (s *session) close() { s.pool.Close() }

// ask calls a method of the first node that serves, waiting as long as --timeout says for all of them.
func ask[Req, Resp any](ctx context.Context, s *session, method string, req *Req) (*Resp, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var resp *Resp
	err := s.try(func(addr string) (err error) {
		resp, err = rpc.CallTyped[Req, Resp](ctx, s.pool, addr, method, req)
		return err
	})
	return resp, err
}

// invoke calls a method of an actor by way of the first node that serves.
func (s *session) invoke(ctx context.Context, id api.ActorID, method, key string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req := api.InvokeRequest{Actor: id, Method: method, Key: key, Body: body}
	var reply api.InvokeReply
	err := s.try(func(addr string) error {
		payload, err := s.pool.Call(ctx, addr, rpc.ClassCall, api.MethodInvoke, req.AppendTo(nil))
		if err != nil {
			return err
		}
		reply, err = api.DecodeInvokeReply(payload)
		return err
	})
	return reply.Body, err
}

// try calls f with one address after the other until one serves.
func (s *session) try(f func(addr string) error) error {
	var silent []string
	var served error
	for _, addr := range s.addrs {
		err := f(addr)
		switch {
		case err == nil:
			return nil
		case api.CodeOf(err) != api.CodeUnavailable:
			return s.explain(addr, err) // what may have been executed is not tried elsewhere
		case rpc.NotSent(err):
			silent = append(silent, addr+" ("+host.Reason(err)+")")
		default:
			served = err
		}
	}
	if served != nil {
		return served
	}
	return unreachable(silent)
}

// explain makes a lost answer's error say whose it was.
func (s *session) explain(addr string, err error) error {
	switch api.CodeOf(err) {
	case api.CodeDeadlineExceeded:
		return api.Errorf(api.CodeDeadlineExceeded, "node at %s did not answer within %v", addr, s.timeout)
	case api.CodeMismatch:
		return api.Errorf(api.CodeMismatch, "node at %s: %s", addr, host.Message(err))
	}
	return err
}

// unreachable says of each address why nobody answered there.
func unreachable(silent []string) error {
	return host.Advise(
		api.Errorf(api.CodeUnavailable, "no node answers: %s", strings.Join(silent, ", ")),
		"start one with \"kelpie node start\", or say where one is by --addr or KELPIE_ADDR",
	)
}
