// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Error is an error of the application: it reaches the caller with its code. Any other
// error that a handler returns reaches the caller by its message only.
type Error struct {
	// Code tells the application's errors apart.
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an application error.
func Errorf(code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ErrorCode returns the code that the actor gave its error by Errorf, also when err has come through a client or
// another actor. It is "" for any other error.
func ErrorCode(err error) string {
	if app, ok := errors.AsType[*Error](err); ok {
		return app.Code
	}
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeApplication {
		return e.Detail[api.DetailCode]
	}
	return ""
}
