// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package call

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// CountsAsFailure reports whether an error is the fault of the method that was called. Any other may pass without
// anybody's doing.
func CountsAsFailure(err error) bool { return !api.Retryable(err, api.Schedule) && !IsStoreError(err) }

// RefusedFor gives the error of a node that does not take an actor its reason, for placement elsewhere.
func RefusedFor(reason string, err *api.Error) *api.Error {
	err.Detail = map[string]string{api.DetailRefused: reason}
	return err
}

// WithoutBirth takes from an error what would have a caller make the call again under another birth.
func WithoutBirth(err error) error {
	if _, ok := api.RefusedBirth(err); !ok {
		return err
	}
	out := *WireError(err)
	out.Detail = maps.Clone(out.Detail)
	delete(out.Detail, api.DetailBirth)
	return &out
}

// IsStoreError reports whether an error is the store's.
func IsStoreError(err error) bool {
	var store *kv.Error
	return errors.As(err, &store)
}

// WireError gives a handler's error the code that the caller sees.
func WireError(err error) *api.Error {
	var app *actor.Error
	var coded *api.Error
	switch {
	case errors.As(err, &app):
		e := api.Errorf(api.CodeApplication, "%s", app.Message)
		e.Detail = map[string]string{api.DetailCode: app.Code}
		return e
	case errors.As(err, &coded):
		return coded
	case IsStoreError(err):
		return api.Errorf(api.CodeUnavailable, "%v", err)
	case errors.Is(err, context.DeadlineExceeded): // of the call, not a decision of the actor's
		return api.Errorf(api.CodeDeadlineExceeded, "%v", err)
	case errors.Is(err, context.Canceled):
		return api.Errorf(api.CodeCancelled, "%v", err)
	}
	return api.Errorf(api.CodeApplication, "%v", err)
}

// ErrMoved is the error of CodeMoved for an actor that is not here.
func ErrMoved(id api.ActorID) *api.Error {
	return api.Errorf(api.CodeMoved, "actor %s has moved", id)
}

const (
	// retryAfterMin and retryAfterMax bound what an overloaded caller is told to wait.
	retryAfterMin = 5 * time.Millisecond
	// RetryAfterMax is the longest that an overloaded caller is told to wait.
	RetryAfterMax = 2 * time.Second
	// stayWeight is the weight of one call in the average time that calls stay.
	stayWeight = 16
)

// ErrOverloaded refuses a call, to be tried again after a while.
func ErrOverloaded(after time.Duration, format string, args ...any) error {
	return WithRetryAfter(api.Errorf(api.CodeOverloaded, format+": try again later", args...),
		min(after, RetryAfterMax))
}

// WithRetryAfter says when a call that failed so may be made again: whoever gets the error waits, and no node does
// for it.
func WithRetryAfter(err error, after time.Duration) error {
	out := *WireError(err)
	out.Detail = maps.Clone(out.Detail)
	if out.Detail == nil {
		out.Detail = make(map[string]string, 1)
	}
	out.Detail[api.DetailRetryAfter] = strconv.FormatInt(max(after, retryAfterMin).Milliseconds(), 10)
	return &out
}

// HasRetryAfter reports whether an error says when to come again.
func HasRetryAfter(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Detail[api.DetailRetryAfter] != ""
}

// NotRun reports whether a try that ended so has certainly not run.
func NotRun(err error) bool {
	return api.CodeOf(err).Effect() == api.NeverRan || IsStoreError(err)
}

// OutOfReach reports whether an error says that the store is out of reach of the node that had to ask it: nothing was
// sent to the store.
func OutOfReach(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == api.CodeUnavailable && e.Detail[api.DetailStoreSilent] != ""
}

// ClipTo cuts a text to a number of bytes, and shows that it has.
func ClipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// PlainError returns an error as callers see it, without what it was made of: that may have methods of the author's.
// It keeps what the node's own errors are compared by.
func PlainError(err error) error {
	if err == nil {
		return nil
	}
	if IsStoreError(err) || errors.Is(err, ErrAbandoned) {
		return err
	}
	plain := *WireError(err)
	plain.Cause = nil
	return &plain
}

// ErrAbandoned ends a task whose mailbox was given up while the actor's code ran.
var ErrAbandoned = errors.New("given up")

// HookError is that of a hook of the actor's: another try elsewhere would not better it.
type HookError struct {
	hook string
	err  error
}

func (e *HookError) Error() string { return e.hook + ": " + Reason(e.err) }

// Reason is what an error says, without its code.
func Reason(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// CompareActors orders actors by namespace and id.
func CompareActors(x, y api.ActorID) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.ID, y.ID))
}

// MarkRan makes an error say that the handler has run.
func MarkRan(err *api.Error) *api.Error {
	out := *err
	out.Detail = maps.Clone(err.Detail)
	if out.Detail == nil {
		out.Detail = make(map[string]string)
	}
	out.Detail[api.DetailRan] = "true"
	return &out
}

// ErrOwnerUnknown is the error of CodeUnavailable for an actor whose owner is no node that this one knows.
func ErrOwnerUnknown(id api.ActorID, owner string) *api.Error {
	return api.Errorf(api.CodeUnavailable, "actor %s: its owner, node %s, is not known", id, owner)
}

// ErrStopped is the error of CodeUnavailable for a call that a stopping node does not take.
func ErrStopped(id api.ActorID) error {
	return api.Errorf(api.CodeUnavailable, "actor %s: the node is stopping", id)
}

// Clip cuts what a stranger has sent to a length that fits an error.
func Clip(s string) string {
	const shown = 64
	if len(s) <= shown {
		return s
	}
	return s[:shown] + "..."
}

// NewHookError returns the error of a hook that failed with err.
func NewHookError(hook string, err error) *HookError { return &HookError{hook, err} }
