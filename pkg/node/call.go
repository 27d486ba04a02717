// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"math"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// defaultDeadline is for callers that name none: every call ends.
const defaultDeadline = 30 * time.Second

// call is one call on its way through the node. It is in one place at a time, and leaves by finish.
type call struct {
	actor  api.ActorID
	method string
	key    api.CallKey
	chain  []api.ActorID // whose handlers wait for it
	body   []byte
	flags  api.InvokeFlags
	// sender has sent the call, as that number of its messages; 0 for a call that somebody waits for.
	sender api.ActorID
	number uint64
	// own calls are made by the activation of itself, to run alarm if that is not nil.
	own   bool
	alarm *alarm
	// abandoned is the call whose handler did not return, for which an own call takes note of that.
	abandoned *call
	// deadline is on the node's monotonic clock.
	deadline time.Duration
	// context returns what the handler gets.
	context func() context.Context
	// finish answers the caller, exactly once. owner is the address of the node that has the actor, if that is
	// another one. It does not block.
	finish func(body []byte, owner string, err error)

	// entered is when the mailbox took it.
	entered time.Duration

	// What routing has learnt so far.
	attempts int
	refused  []registry.Refusal // nodes that had no room
	nowhere  error              // why no node had, the last time that all were asked
	doubtful bool               // a try may have run, its answer lost
	silent   string             // the node that owns the actor, and did not answer
}

// runBy is when the handler is to have returned.
func (c *call) runBy() time.Duration {
	if c.flags&api.InvokePatient != 0 {
		return c.deadline - answerMargin
	}
	return c.deadline
}

// handlerContext returns the context that the handler gets, which ends at runBy.
func (c *call) handlerContext(e env.Env) (context.Context, context.CancelFunc) {
	if c.flags&api.InvokePatient == 0 {
		return c.context(), func() {}
	}
	return env.WithDeadlineAt(e, c.context(), c.runBy())
}

// doubt notes that a try may have run. That a later one has certainly not is then no longer the
// whole truth, and the caller is told that nobody knows.
func (c *call) doubt() {
	if c.doubtful {
		return
	}
	c.doubtful = true
	finish := c.finish
	c.finish = func(body []byte, owner string, err error) {
		err = withoutBirth(err)
		if notRun(err) {
			err = api.Errorf(api.CodeUnknown, "actor %s may have run the call: an answer was lost, and then: %v",
				c.actor, err)
		}
		finish(body, owner, err)
	}
}

// notRun reports whether a try that ended so has certainly not run.
func notRun(err error) bool {
	return api.CodeOf(err).Effect() == api.NeverRan || isStoreError(err)
}

// fromRequest takes a call that has entered the budget out of a request. A call that must not be routed, as the error
// says, is to be finished all the same.
func (n *Node) fromRequest(req *rpc.Request) (*call, error) {
	in, err := api.DecodeInvokeRequest(req.Payload)
	c := &call{actor: in.Actor, method: in.Method, key: in.Key, chain: in.Chain, sender: in.Sender,
		number: in.SendNumber, flags: in.Flags, body: in.Body, context: req.Context}
	if c.number != 0 && req.Peer().NodeID == "" {
		c.flags |= api.InvokeOutside
	}
	entered, bytes := n.env.Monotonic(), len(req.Payload)
	deadline, ok := req.Deadline()
	if !ok {
		deadline = n.env.Monotonic() + defaultDeadline
	}
	c.deadline = deadline
	c.finish = func(body []byte, owner string, err error) {
		n.budget.leave(bytes, n.env.Monotonic()-entered)
		if err != nil {
			req.Reply(nil, err)
			return
		}
		reply := api.InvokeReply{OwnerAddress: owner, Version: n.newest(), Body: body}
		req.Reply(reply.AppendTo(make([]byte, 0, len(body)+len(owner)+replyHeaderBytes)), nil)
	}
	if err == nil {
		err = c.validate()
	}
	return c, err
}

// replyHeaderBytes is room for the header of an InvokeReply.
const replyHeaderBytes = 16

func (c *call) validate() error {
	if err := c.actor.Validate(); err != nil {
		return err
	}
	if c.number != 0 {
		if err := c.sender.Validate(); err != nil {
			return err
		}
	}
	switch {
	case c.method == "" || len(c.method) > api.MethodBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "method name of %d bytes: must have 1 to %d", len(c.method),
			api.MethodBytesMax)
	case len(c.key.Name) > api.IdempotencyKeyBytesMax:
		return api.Errorf(api.CodeInvalidArgument, "idempotency key of %d bytes: must have at most %d",
			len(c.key.Name), api.IdempotencyKeyBytesMax)
	case len(c.key.Client) > api.ClientBytesMax || len(c.key.Path) > api.PathBytesMax ||
		c.key.Counter > math.MaxInt64 || c.number > math.MaxInt64:
		return api.Errorf(api.CodeInvalidArgument, "malformed key of a call")
	case len(c.body) > api.PayloadBytesMax:
		return api.Errorf(api.CodeTooLarge, "request of %d bytes to %s: must have at most %d", len(c.body), c.actor,
			api.PayloadBytesMax)
	}
	return nil
}
