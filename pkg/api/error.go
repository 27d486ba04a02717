// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Code says what an error means to a caller. Codes cross the wire as numbers: they are
// only ever added to, at the end.
type Code uint16

const (
	// CodeOK is no error.
	CodeOK Code = 0
	// CodeUnavailable: not sent, or not executed. It is safe to try again, here or elsewhere.
	CodeUnavailable Code = 1
	// CodeUnknown: sent, and no answer came. It may have happened, or may still happen.
	CodeUnknown Code = 2
	// CodeDeadlineExceeded: the deadline passed first. It may have happened.
	CodeDeadlineExceeded Code = 3
	// CodeCancelled: the caller gave up. It may have happened.
	CodeCancelled Code = 4
	// CodeOverloaded: refused because too much is waiting already. Not executed.
	CodeOverloaded Code = 5
	// CodeMoved: another node owns the actor; Detail says which. Not executed.
	CodeMoved Code = 6
	// CodeUnknownNamespace: no such namespace at the node, or in the cluster.
	CodeUnknownNamespace Code = 7
	// CodeUnknownMethod: no such method.
	CodeUnknownMethod Code = 8
	// CodeInvalidArgument: the request makes no sense, whatever the state.
	CodeInvalidArgument Code = 9
	// CodeTooLarge: over a limit of size.
	CodeTooLarge Code = 10
	// CodeApplication: the actor's own code returned an error. Its effects were rolled back.
	CodeApplication Code = 11
	// CodeNoCapacity: no node has room for the actor.
	CodeNoCapacity Code = 12
	// CodeFenced: the node has lost its lease.
	CodeFenced Code = 13
	// CodeInternal: a defect, or an error without a code.
	CodeInternal Code = 14
	// CodeNotFound: what is asked for does not exist.
	CodeNotFound Code = 15
	// CodeAlreadyExists: what should be made exists already.
	CodeAlreadyExists Code = 16
	// CodeMismatch: two processes do not belong together: cluster id, protocol version or store.
	CodeMismatch Code = 17
	// CodePermissionDenied: the caller may not do this.
	CodePermissionDenied Code = 18
	// CodeCorruptState: what is stored can't be decoded, or fails its checksum.
	CodeCorruptState Code = 19
	// CodeFailedPrecondition: the state does not allow this now.
	CodeFailedPrecondition Code = 20
	// CodeStore: an error of the store; Detail holds its number.
	CodeStore Code = 21
	// CodeDeadlock: the call would wait for an actor that waits for the call. Not executed.
	CodeDeadlock Code = 22
	// CodeQuarantined: the actor has ended the process of a node, and is refused until an operator clears that, or a
	// new version of the program tries it. Who says so has not executed the call; a try before, whose answer was
	// lost, may have.
	CodeQuarantined Code = 23
)

// Error is an error that crosses the wire. Errors are compared by code:
// errors.Is(err, &Error{Code: CodeMoved}), or CodeOf(err) == CodeMoved.
type Error struct {
	Code Code
	// Op is what was being done, as "rpc.call"; it may be empty.
	Op string
	// Message tells a person what happened, to what, and what can be done about it.
	Message string
	// Detail is for programs: a few short values under names that belong to
	// the code. It may be nil.
	Detail map[string]string
	// Cause says more, to this process alone: it does not cross the wire.
	Cause error
}

// Errorf returns an error with a message as of fmt.Errorf; %w makes an operand the cause.
func Errorf(code Code, format string, args ...any) *Error {
	formatted := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: formatted.Error(), Cause: errors.Unwrap(formatted)}
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Code.String())
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	// Errorf with %w has put the cause into the message.
	if e.Cause != nil && !strings.Contains(e.Message, e.Cause.Error()) {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// CodeOf returns the code of err: CodeOK for nil, that of the outermost Error in its chain,
// else that of a context's end, else CodeInternal.
func CodeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return CodeDeadlineExceeded
	case errors.Is(err, context.Canceled):
		return CodeCancelled
	}
	return CodeInternal
}

// ErrorFrom returns err as an Error: itself if it is one, else one with the code
// of CodeOf, the message and detail of the Error in its chain if there is one, and err
// as the cause. It returns nil for nil.
func ErrorFrom(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	from := &Error{Code: CodeOf(err), Message: err.Error(), Cause: err}
	if e, ok := errors.AsType[*Error](err); ok {
		from.Detail = e.Detail
	}
	return from
}
