// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// timeoutDefault is how long an answer is waited for: longer than a node's actors
// take to move when it dies, at the default lease.
const timeoutDefault = 30 * time.Second

// connection is the flags of a command that asks the cluster.
type connection struct {
	context contextFlag
	addrs   []string
	timeout time.Duration
}

func (c *connection) register(flags *pflag.FlagSet) {
	c.registerAddr(flags)
	c.timeoutFlag(flags)
	cli.Variable(flags, "timeout", timeoutVariable)
}

// registerAddr is register for a command whose own --timeout is of something else than an answer.
func (c *connection) registerAddr(flags *pflag.FlagSet) {
	c.addrFlag(flags)
	c.context.register(flags)
	cli.Variable(flags, "addr", addrVariable)
}

// The variables of flags that a context has values for.
const (
	addrVariable    = "KELPIE_ADDR"
	timeoutVariable = "KELPIE_TIMEOUT"
	outputVariable  = "KELPIE_OUTPUT"
	noColorVariable = "KELPIE_NO_COLOR"
)

func (c *connection) addrFlag(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.addrs, "addr", []string{cli.DefaultListen},
		"addresses of nodes, HOST:PORT[,HOST:PORT...], tried in turn")
}

func (c *connection) timeoutFlag(flags *pflag.FlagSet) {
	flags.DurationVar(&c.timeout, "timeout", timeoutDefault, "how long to wait for an answer")
}

// validate checks the flags. Errors are CodeInvalidArgument.
func (c *connection) validate() error {
	if len(c.addrs) == 0 {
		return cli.OfFlag("addr", api.Errorf(api.CodeInvalidArgument, "--addr: pass the address of at least one "+
			"node, such as %s", cli.DefaultListen))
	}
	for _, addr := range c.addrs {
		if err := cli.CheckAddress("--addr", addr); err != nil {
			return cli.OfFlag("addr", err)
		}
	}
	if c.timeout <= 0 {
		return cli.OfFlag(
			"timeout", api.Errorf(api.CodeInvalidArgument, "--timeout %v: must be positive, such as %v", c.timeout,
				timeoutDefault))
	}
	return nil
}

// session is a command's connection to the cluster.
type session struct {
	connection
	env  env.Env
	pool *rpc.Pool
	// limit is how many rows a listing wants, 0 for all.
	limit int
}

// open returns a session, which connects when first used.
func (c *connection) open() (*session, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	e := env.Real()
	pool := rpc.NewPool(e, tcp.New(), rpc.PoolConfig{Identity: rpc.Identity{Control: true}})
	return &session{connection: *c, env: e, pool: pool}, nil
}

func (s *session) close() { s.pool.Close() }

// ask calls a method that changes nothing of the first node that answers.
func ask[Req, Resp any](ctx context.Context, s *session, method string, req *Req) (*Resp, error) {
	var resp *Resp
	_, err := s.try(ctx, true, func(ctx context.Context, addr string) (err error) {
		resp, err = rpc.CallTyped[Req, Resp](ctx, s.pool, addr, method, req)
		return err
	})
	return resp, err
}

// order calls a method that changes something of the first node that serves.
func order[Req, Resp any](ctx context.Context, s *session, method string, req *Req) (*Resp, error) {
	var resp *Resp
	_, err := s.try(ctx, false, func(ctx context.Context, addr string) (err error) {
		resp, err = rpc.CallTyped[Req, Resp](ctx, s.pool, addr, method, req)
		return err
	})
	return resp, err
}

// try calls f with one address after the other until one serves, and returns that. What may have been
// executed is not tried elsewhere, unless it does no harm to repeat: then each address gets a share of the time.
func (s *session) try(ctx context.Context, repeatable bool, f func(ctx context.Context, addr string) error) (
	addr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var silent []string
	var served error
	for i, addr := range s.addrs {
		err := s.tryOne(ctx, repeatable, len(s.addrs)-i, addr, f)
		code := api.CodeOf(err)
		lost := code == api.CodeDeadlineExceeded || code == api.CodeUnknown
		switch {
		case err == nil:
			return addr, nil
		case code == api.CodeUnavailable && !rpc.NotSent(err):
			served = err
		case code == api.CodeUnavailable, repeatable && lost:
			silent = append(silent, addr+" ("+cli.Reason(err)+")")
		default:
			return addr, s.explain(addr, err)
		}
	}
	if served != nil {
		return "", served
	}
	return "", unreachable(silent)
}

// tryOne calls f with an address, the first of those left.
func (s *session) tryOne(ctx context.Context, repeatable bool, left int, addr string,
	f func(ctx context.Context, addr string) error) error {
	if deadline, ok := ctx.Deadline(); ok && repeatable {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	return f(ctx, addr)
}

// invoke calls a method of an actor, waiting as long as --timeout says: it tries again what certainly was not
// executed, and, with a key, also what may have been.
func (s *session) invoke(ctx context.Context, id api.ActorID, method, key string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// A cluster whose actors are on the move is worth waiting for, one that is not there is not.
	answers, err := s.try(ctx, true, func(ctx context.Context, addr string) error {
		_, err := rpc.CallTyped[api.Empty, api.ClusterInfo](ctx, s.pool, addr, api.MethodClusterInfo, &api.Empty{})
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := client.New(s.env, tcp.New(), client.Config{Addrs: append([]string{answers}, s.addrs...)})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var options []client.CallOption
	if key != "" {
		options = append(options, client.WithIdempotencyKey(key))
	}
	reply, err := c.CallRaw(ctx, id, method, body, options...)
	return reply, s.explainCall(err, id, method, key)
}

// explainCall says of a call whose answer was lost what that means.
func (s *session) explainCall(err error, id api.ActorID, method, key string) error {
	code := api.CodeOf(err)
	switch code {
	case api.CodeDeadlineExceeded:
		err = api.Errorf(code, "%s of %s was not answered within %v", method, id, s.timeout)
	case api.CodeUnknown:
	default:
		return err
	}
	if key != "" {
		return cli.Advise(err, "it may have been executed; repeat it with the same --idempotency-key to find out")
	}
	return cli.Advise(err, "it may have been executed; to be able to repeat a call safely, pass --idempotency-key")
}

// explain makes an error of a node's say which node it is.
func (s *session) explain(addr string, err error) error {
	switch code := api.CodeOf(err); code {
	case api.CodeDeadlineExceeded:
		return api.Errorf(code, "node at %s did not answer within %v", addr, s.timeout)
	case api.CodeMismatch:
		return cli.Advise(err, "use the same version of kelpie as the cluster")
	case api.CodeUnknownMethod:
		return cli.Advise(
			api.Errorf(code, "the program at %s is not a node, or one of another version: %s", addr, cli.Message(err)),
			"name a node with --addr, KELPIE_ADDR or --context; the address of a store served by kelpie store "+
				"serve does not do",
		)
	}
	return err
}

// unreachable says of each address why nobody answered there.
func unreachable(silent []string) error {
	return cli.Advise(
		api.Errorf(api.CodeUnavailable, "no node answers: %s", strings.Join(silent, ", ")),
		"start one with \"kelpie node start\", or name one with --addr, KELPIE_ADDR or --context",
	)
}
