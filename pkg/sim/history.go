// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Outcome is what a caller knows of its call.
type Outcome uint8

const (
	// Pending calls have no answer: they may have run, or may still.
	Pending Outcome = iota
	// OK calls have run once.
	OK
	// Refused calls have certainly not run.
	Refused
)

func (o Outcome) String() string { return [...]string{"unknown", "ok", "refused"}[o] }

// Op is one call of an actor, as its caller saw it.
type Op struct {
	Client  string
	Actor   api.ActorID
	Method  string
	Input   any
	Output  any // of a call that is OK
	Err     error
	Outcome Outcome
	// Called and Returned number the beginnings and ends of all calls of the run in their order; Returned is 0
	// for what is pending.
	Called, Returned int64
	// From and To are simulated times.
	From, To time.Duration
}

// String is one line, for people.
func (o *Op) String() string {
	s := fmt.Sprintf("%s %s(%s) on %s", o.Client, o.Method, valueText(o.Input), o.Actor)
	switch o.Outcome {
	case OK:
		return s + " = " + valueText(o.Output)
	case Refused:
		return fmt.Sprintf("%s refused: %v", s, o.Err)
	}
	return fmt.Sprintf("%s: nobody knows: %v", s, o.Err)
}

// valueText is a value of a call, for people: an empty text is told from nothing.
func valueText(v any) string {
	switch v := v.(type) {
	case nil, struct{}:
		return ""
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// history is what the clients of a run have done and seen.
type history struct {
	clock int64
	ops   []*Op
}

func (h *history) begin(now time.Duration, client string, id api.ActorID, method string, input any) *Op {
	h.clock++
	op := &Op{Client: client, Actor: id, Method: method, Input: input, Called: h.clock, From: now}
	h.ops = append(h.ops, op)
	return op
}

func (h *history) end(now time.Duration, op *Op, output any, err error) {
	h.clock++
	if err != nil {
		output = nil // the zero value of an answer is none
	}
	op.Returned, op.To, op.Output, op.Err, op.Outcome = h.clock, now, output, err, outcomeOf(err)
	if op.Outcome == Pending {
		op.Returned = 0
	}
}

// outcomeOf takes an error at its word. It has a list of its own, as expectedCodes and passing have: the judge of a run
// must not share the table of package api with the nodes and clients that it judges.
func outcomeOf(err error) Outcome {
	if err == nil {
		return OK
	}
	switch api.CodeOf(err) {
	case api.CodeUnknown, api.CodeDeadlineExceeded, api.CodeCancelled, api.CodeQuarantined:
		// an earlier try may have run
		return Pending
	}
	return Refused
}

// count returns how many calls were answered, and how many failed.
func (h *history) count() (ok, failed int) {
	for _, op := range h.ops {
		if op.Outcome == OK {
			ok++
		} else {
			failed++
		}
	}
	return ok, failed
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }
