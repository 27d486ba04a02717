// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import "github.com/kelpiehq/kelpie/pkg/api"

// answer is what a call in a batch will be told, once it may be.
type answer struct {
	call *call
	body []byte
	err  error
	// settled answers rest on nothing that another node could have changed, such as a malformed request.
	settled bool
	// writes is whether the call may have changed something.
	writes bool
	// reads is whether it is the answer of a reading method.
	reads bool
	// destroys is whether the actor is deleted with it.
	destroys bool
	// reroute is whether the call could not be dealt with here, as err tells, and is to be routed again.
	reroute bool
	// asked is whether the handler has called other actors.
	asked bool
}

func errExpired(c *call) error {
	return api.Errorf(api.CodeDeadlineExceeded, "actor %s: the deadline passed before the call could run", c.actor)
}

// expired reports whether a call has not run because it came too late.
func expired(out *answer) bool {
	return out.settled && api.CodeOf(out.err) == api.CodeDeadlineExceeded
}
