// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"errors"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Names in the detail of an api.CodeStore.
const (
	detailCode  = "code"
	detailCause = "cause"
)

// toWire makes an error of the store one that crosses the wire. Others, of a
// context for example, have codes of their own.
func toWire(err error) error {
	e, ok := errors.AsType[*kv.Error](err)
	if !ok {
		return err
	}
	detail := map[string]string{detailCode: strconv.Itoa(e.Code)}
	if e.Cause != nil {
		detail[detailCause] = e.Cause.Error()
	}
	return &api.Error{Code: api.CodeStore, Message: e.Message, Detail: detail, Cause: err}
}

// fromWire gives the store's error back that toWire sent, and any other error as it is.
func fromWire(err error) error {
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != api.CodeStore {
		return err
	}
	code, parseErr := strconv.Atoi(e.Detail[detailCode])
	if parseErr != nil {
		return err
	}
	out := &kv.Error{Code: code, Message: e.Message}
	if cause := e.Detail[detailCause]; cause != "" {
		out.Cause = errors.New(cause)
	}
	return out
}

// mayCommitAgain reports whether a commit that failed with err has had no effect, never will, and may succeed another
// time.
func mayCommitAgain(err error) bool {
	return api.Retryable(err, api.Caller) && (api.CodeOf(err).Effect() == api.NeverRan || rpc.NotSent(err))
}

// mayReadAgain reports whether a read that failed with err may succeed another time.
func mayReadAgain(err error) bool {
	return errors.Is(err, kv.ErrUnavailable) || api.Retryable(err, api.Caller)
}

// readError is what a read that is not tried again ends with: an error of the store.
func readError(err error) error {
	if _, ok := errors.AsType[*kv.Error](err); ok {
		return err
	}
	return kv.ErrUnavailable.With(err)
}

// commitError is what a commit ends with that was sent. Only three kinds of errors say that it has not happened.
func commitError(err error) error {
	if _, ok := errors.AsType[*kv.Error](err); ok && (kv.NeverCommitted(err) || errors.Is(err, kv.ErrCommitUnknown)) {
		return err
	}
	return kv.ErrCommitUnknown.With(err)
}
