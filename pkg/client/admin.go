// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Admin calls a method of the nodes themselves (api.MethodNodes and the others of package api) at the addresses in
// turn, until one can be reached and takes it. It blocks until then or until ctx ends, which it does after
// DefaultTimeout if it has no deadline. If no address takes the call in time, the error names each that was tried and
// says why, and has the code of the last; any other error is that of the node that took it.
func Admin[Req, Resp any](ctx context.Context, c *Client, method string, req *Req) (*Resp, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var failed failures
	for _, addr := range c.inTurn() {
		resp, err := rpc.CallTyped[Req, Resp](ctx, c.pool, addr, method, req)
		if err == nil {
			return resp, nil
		}
		failed = append(failed, failure{addr, err})
		if ctx.Err() != nil {
			break
		}
		if !rpc.NotSent(err) && api.CodeOf(err) != api.CodeUnavailable {
			return nil, err
		}
	}
	return nil, failed.error(method)
}

func (c *Client) inTurn() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses.inTurn(c.env.Monotonic())
}

// failure is why an address did not take a call.
type failure struct {
	addr string
	err  error
}

type failures []failure

func (f failures) error(method string) error {
	return api.Errorf(api.CodeOf(f[len(f)-1].err), "no node accepts %s: %s", method, f.reasons())
}

func (f failures) reasons() string {
	reasons := make([]string, len(f))
	for i, failed := range f {
		reasons[i] = fmt.Sprintf("%s (%v)", failed.addr, failed.err)
	}
	return strings.Join(reasons, ", ")
}
