// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// notSent, in the chain of an error, says that the peer never got the call. It stays in
// this process: it is a cause, and causes do not cross the wire.
type notSent struct{ cause error }

func (e *notSent) Error() string {
	if e.cause == nil {
		return "not sent"
	}
	return e.cause.Error()
}

func (e *notSent) Unwrap() error { return e.cause }

// NotSent reports whether err, of a call, proves that the peer never got it.
func NotSent(err error) bool {
	_, ok := errors.AsType[*notSent](err)
	return ok
}

// Answered reports whether err, of a call, may be an answer of the peer: it is not of a connection that could not be
// made or has broken, of a deadline, or of a caller that has given up.
func Answered(err error) bool {
	switch api.CodeOf(err) {
	case api.CodeOK, api.CodeUnknown, api.CodeDeadlineExceeded, api.CodeCancelled:
		return false
	}
	return !NotSent(err)
}

// unaccepted is why PoolConfig.Accept did not accept a peer.
type unaccepted struct{ err error }

func (e *unaccepted) Error() string { return e.err.Error() }

// text is the reason without its code.
func (e *unaccepted) text() string {
	if coded, ok := errors.AsType[*api.Error](e.err); ok {
		return coded.Message
	}
	return e.err.Error()
}

// unheard is why a dial failed that has connected: there was no answer to the hello in time.
type unheard struct{ cause error }

func (e *unheard) Error() string { return e.cause.Error() }

func (e *unheard) Unwrap() error { return e.cause }

// notSentError returns an error with a code and message whose cause says that
// the peer never got the call.
func notSentError(code api.Code, message string, cause error) *api.Error {
	return &api.Error{Code: code, Message: message, Cause: &notSent{cause}}
}

// appendDetails appends a map of the first details by name, each cut to size.
func appendDetails(b []byte, detail map[string]string) []byte {
	names := slices.Sorted(maps.Keys(detail))
	names = names[:min(len(names), errorDetailsMax)]
	b = api.AppendMapHeader(b, len(names))
	for _, name := range names {
		b = api.AppendString(b, cut(name, errorDetailByteMax))
		b = api.AppendString(b, cut(detail[name], errorDetailByteMax))
	}
	return b
}

func readDetails(d *api.Decoder) map[string]string {
	n := d.Map()
	if n == 0 {
		return nil
	}
	detail := make(map[string]string, min(n, errorDetailsMax))
	for range n {
		if name, value := d.String(), d.String(); len(detail) < errorDetailsMax {
			detail[name] = value
		}
	}
	return detail
}

// cut returns s, or as many of its characters as fit into n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
