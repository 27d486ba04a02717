// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// retryPause is between two tries of one call.
const retryPause = 10 * time.Millisecond

// call sends a call to one address, once.
func (c *cluster) call(ctx context.Context, address string, id api.ActorID, method string, request any) (int64, error) {
	body, err := actor.Marshal(request)
	if err != nil {
		return 0, err
	}
	in := api.InvokeRequest{Actor: id, Method: method, Body: body}
	out, err := c.pool.Call(ctx, address, rpc.ClassCall, api.MethodInvoke, in.AppendTo(nil))
	if err != nil {
		return 0, err
	}
	reply, err := api.DecodeInvokeReply(out)
	if err != nil {
		return 0, err
	}
	var value int64
	return value, actor.Unmarshal(reply.Body, &value)
}

// callAnywhere sends a call to the address of that number, and, as long as it has certainly not run, to
// the next and the next.
func (c *cluster) callAnywhere(ctx context.Context, first int, id api.ActorID, method string, request any) (
	int64, error) {
	for at := first; ; at++ {
		value, err := c.call(ctx, c.nodes[at%len(c.nodes)].address, id, method, request)
		if err == nil || !notRun(err) {
			return value, err
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(retryPause):
		}
	}
}

// notRun reports whether a call that failed so has certainly not run.
func notRun(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeUnavailable, api.CodeMoved:
		return true
	}
	return rpc.NotSent(err)
}
