// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// The exit codes of every command. They are a contract with scripts: only ever added to.
const (
	ExitOK          = api.ExitOK
	ExitFailure     = api.ExitFailure
	ExitUsage       = api.ExitUsage
	ExitUnavailable = api.ExitUnavailable
	ExitUnknown     = api.ExitUnknown
	ExitNotFound    = api.ExitNotFound
	ExitRefused     = api.ExitRefused
	ExitApplication = api.ExitApplication
	ExitCorrupt     = api.ExitCorrupt
	ExitProblem     = 9
	ExitInterrupted = 130
	ExitBrokenPipe  = 141
)

// ExitCode is a row of the table of exit codes.
type ExitCode struct {
	Code          int
	Name, Meaning string
}

// ExitCodes returns the table of exit codes, in order.
func ExitCodes() []ExitCode {
	return []ExitCode{
		{ExitOK, "ok", "The command succeeded. A node or store that was stopped by a signal stopped cleanly."},
		{ExitFailure, "failure", "The command failed for a reason that has no code of its own."},
		{ExitUsage, "usage", "The request is wrong, whatever the state of the cluster: a command, flag, argument, " +
			"actor id or JSON, or a payload over its limit. Nothing was executed."},
		{ExitUnavailable, "unavailable", "No node answered, or the one that answered could not serve: no node, " +
			"no store, no capacity, overload. Nothing was executed; it is safe to retry."},
		{ExitUnknown, "unknown", "The answer did not arrive: the connection was lost or time ran out. The " +
			"request may have been executed, or may still be."},
		{ExitNotFound, "not found", "The node, namespace, method or context does not exist."},
		{ExitRefused, "refused", "The present state forbids it: another cluster or version, a name, address or " +
			"data directory in use, an actor in quarantine, a missing confirmation."},
		{ExitApplication, "application error", "The actor's own code returned an error. The call had no effect."},
		{ExitCorrupt, "corrupt", "Stored data can't be read: it fails a checksum, or has a format that this " +
			"version does not know."},
		{ExitProblem, "problem", "\"kelpie doctor\" found a problem: its output says which, and what to do."},
		{ExitInterrupted, "interrupted", "A signal stopped the command before it was done. For a node or store: " +
			"a second signal stopped it at once, without a clean stop."},
		{ExitBrokenPipe, "broken pipe", "The reader of the output has closed it. No error is printed."},
	}
}

// ErrInterrupted says that a hurrying signal cut a graceful stop short.
var ErrInterrupted = errors.New("stopped at once, without waiting for a clean stop")

// ErrProblem says that what was looked for has been found: a problem.
var ErrProblem = errors.New("found problems")

// ExitCodeOf returns the exit code that tells what err means.
func ExitCodeOf(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrInterrupted):
		return ExitInterrupted
	case errors.Is(err, ErrProblem):
		return ExitProblem
	case errors.Is(err, syscall.EPIPE):
		return ExitBrokenPipe
	case errors.Is(err, kv.ErrCorrupt), errors.Is(err, pebbledb.ErrForeign):
		return ExitCorrupt
	case errors.Is(err, pebbledb.ErrLocked):
		return ExitRefused
	case errors.Is(err, kv.ErrUnavailable):
		return ExitUnavailable
	}
	return api.CodeOf(err).ExitCode()
}

// advised is an error with a line that says what to do about it.
type advised struct {
	error
	advice string
}

func (a *advised) Unwrap() error { return a.error }

// Advise adds to err a line that says what to do about it, unless it has one; nil stays nil.
func Advise(err error, format string, args ...any) error {
	if _, has := errors.AsType[*advised](err); has || err == nil {
		return err
	}
	return &advised{err, fmt.Sprintf(format, args...)}
}

// PrintError writes err for a person: a line that says what happened, and, if that is known, one
// that says what to do about it. A lost reader gets nothing.
func PrintError(w io.Writer, err error) {
	if errors.Is(err, syscall.EPIPE) {
		return
	}
	// Nothing can be said about a failure to say something.
	_, _ = fmt.Fprintf(w, "error: %s\n", OneLine(Message(err)))
	if a, ok := errors.AsType[*advised](err); ok {
		_, _ = fmt.Fprintln(w, OneLine(a.advice))
	}
}

// noAnswer is the message for a deadline that has passed.
const noAnswer = "no answer arrived in time"

// Message returns what err says to a person, without the name of its code.
func Message(err error) string {
	if a, ok := err.(*advised); ok {
		err = a.error
	}
	if parts := joinedMessages(err); parts != nil {
		return strings.Join(parts, "; ")
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded) && api.CodeOf(err) == api.CodeDeadlineExceeded && !isAPI(err):
		return noAnswer
	case !isAPI(err):
		return err.Error()
	}
	e, _ := errors.AsType[*api.Error](err)
	message := e.Message
	if message == "" {
		message = strings.ReplaceAll(e.Code.String(), "_", " ")
	}
	if code := e.Detail[api.DetailCode]; e.Code == api.CodeApplication && code != "" {
		message = code + ": " + message
	}
	if e.Cause != nil {
		if cause := Message(e.Cause); !strings.Contains(message, cause) {
			message += ": " + cause
		}
	}
	return message
}

// joinedMessages returns what each of the errors says that errors.Join has made one of, nil for another error.
func joinedMessages(err error) []string {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts, parts []string
	for _, e := range j.Unwrap() {
		texts, parts = append(texts, e.Error()), append(parts, Message(e))
	}
	if err.Error() != strings.Join(texts, "\n") { // of fmt.Errorf, which has words of its own
		return nil
	}
	return parts
}

// Reason returns what the system said, if err comes from it: without what was being done and to what
// address, which the words around it say. Otherwise it is Message.
func Reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return lookup.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || api.CodeOf(err) == api.CodeDeadlineExceeded {
		return noAnswer
	}
	return Message(err)
}

// isAPI reports whether err itself is an api.Error; one that is wrapped says by its wrapper what it is.
func isAPI(err error) bool {
	_, ok := err.(*api.Error)
	return ok
}

// OneLine makes text from anywhere safe for a terminal, on one line: see human.Escape.
func OneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return human.Escape(s)
}
