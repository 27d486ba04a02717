// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"strconv"
)

// Effect is what an error says of the try of a call that it answers. Of the tries before, whose answers were lost, it
// says nothing.
type Effect uint8

const (
	// Decided: the answer is the call's own. Its handler returned, and what it did was rolled back if it failed; or the
	// call was refused for what it asks. A try that was lost has come to the same.
	Decided Effect = iota
	// NeverRan: the try did not run, and never will. Another one may.
	NeverRan
	// MayHaveRun: the try may have run, or may still run.
	MayHaveRun
)

// Retrier is who tries a call again. An error tells each whether another try may do better.
type Retrier uint8

const (
	// Router is the node that routes the call: it looks for the actor again, or for another node.
	Router Retrier = 1 << iota
	// Caller is who sent the call, to a node or to a store: it asks again, there or at another address.
	Caller
	// Schedule is the actor that sent a message or set an alarm: it waits. A failure for which it need not wait is a
	// fault of the method that was called, and is counted.
	Schedule
)

// The exit codes that a command has from the code of an error; package host lists them all.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2
	ExitUnavailable = 3
	ExitUnknown     = 4
	ExitNotFound    = 5
	ExitRefused     = 6
	ExitApplication = 7
	ExitCorrupt     = 8
)

// class is what is known of all errors with a code.
type class struct {
	name   string
	effect Effect
	retry  Retrier
	exit   int
}

// classes is the one table of what codes mean. The router leaves CodeOverloaded to the caller: to try again at once
// would add to the load. The caller does not retry CodeNoCapacity: the router has asked every node until the
// deadline.
var classes = [...]class{
	CodeOK:                 {"ok", Decided, 0, ExitOK},
	CodeUnavailable:        {"unavailable", NeverRan, Router | Caller | Schedule, ExitUnavailable},
	CodeUnknown:            {"unknown", MayHaveRun, Router | Caller | Schedule, ExitUnknown}, // unless it is final
	CodeDeadlineExceeded:   {"deadline_exceeded", MayHaveRun, 0, ExitUnknown},
	CodeCancelled:          {"cancelled", MayHaveRun, Schedule, ExitUnknown},
	CodeOverloaded:         {"overloaded", NeverRan, Caller | Schedule, ExitUnavailable},
	CodeMoved:              {"moved", NeverRan, Router | Caller | Schedule, ExitUnavailable},
	CodeUnknownNamespace:   {"unknown_namespace", NeverRan, 0, ExitNotFound},
	CodeUnknownMethod:      {"unknown_method", Decided, 0, ExitNotFound},
	CodeInvalidArgument:    {"invalid_argument", Decided, 0, ExitUsage},
	CodeTooLarge:           {"too_large", Decided, 0, ExitUsage},
	CodeApplication:        {"application", Decided, 0, ExitApplication},
	CodeNoCapacity:         {"no_capacity", NeverRan, Router | Schedule, ExitUnavailable},
	CodeFenced:             {"fenced", NeverRan, Router | Caller | Schedule, ExitRefused},
	CodeInternal:           {"internal", Decided, 0, ExitFailure},
	CodeNotFound:           {"not_found", Decided, 0, ExitNotFound},
	CodeAlreadyExists:      {"already_exists", Decided, 0, ExitRefused},
	CodeMismatch:           {"mismatch", Decided, 0, ExitRefused},
	CodePermissionDenied:   {"permission_denied", Decided, 0, ExitRefused},
	CodeCorruptState:       {"corrupt_state", Decided, 0, ExitCorrupt},
	CodeFailedPrecondition: {"failed_precondition", Decided, 0, ExitRefused},
	CodeStore:              {"store", MayHaveRun, Router | Schedule, ExitFailure},
	CodeDeadlock:           {"deadlock", Decided, 0, ExitRefused},
	CodeQuarantined:        {"quarantined", MayHaveRun, 0, ExitRefused},
}

// class returns the row of a code. A code of a later version is like an error without a code.
func (c Code) class() *class {
	if int(c) < len(classes) {
		return &classes[c]
	}
	return &classes[CodeInternal]
}

// String returns the code's name in snake_case, or "code_N" for one of a later version.
func (c Code) String() string {
	if int(c) < len(classes) {
		return classes[c].name
	}
	return "code_" + strconv.Itoa(int(c))
}

// Effect returns what an error with the code says of the try that it answers.
func (c Code) Effect() Effect { return c.class().effect }

// ExitCode returns the exit code of a command that ends with an error of the code.
func (c Code) ExitCode() int { return c.class().exit }

// Retryable reports whether another try by who may do better than the one that returned err. Whether a call that may
// have run may run again, its key says, not the error.
func Retryable(err error, who Retrier) bool { return CodeOf(err).class().retry&who != 0 && !Final(err) }

// Final reports whether err is a CodeUnknown that every other try would get as well (see DetailFinal).
func Final(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == CodeUnknown && e.Detail[DetailFinal] != ""
}
