// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package call

import "github.com/kelpiehq/kelpie/pkg/api"

// Answer is what a call in a batch will be told, once it may be.
type Answer struct {
	Call *Call
	Body []byte
	Err  error
	// Settled answers rest on nothing that another node could have changed, such as a malformed request.
	Settled bool
	// Writes is whether the call may have changed something.
	Writes bool
	// Reads is whether it is the answer of a reading method.
	Reads bool
	// Destroys is whether the actor is deleted with it.
	Destroys bool
	// Reroute is whether the call could not be dealt with here, as err tells, and is to be routed again.
	Reroute bool
	// Asked is whether the handler has called other actors.
	Asked bool
	// Later is whether the call is finished by who takes note of the commit.
	Later bool
}

// ErrExpired is the error of CodeDeadlineExceeded for a call whose turn came too late.
func ErrExpired(c *Call) error {
	return api.Errorf(api.CodeDeadlineExceeded, "actor %s: the deadline passed before the call could run", c.Actor)
}

// Expired reports whether a call has not run because it came too late.
func Expired(out *Answer) bool {
	return out.Settled && api.CodeOf(out.Err) == api.CodeDeadlineExceeded
}
