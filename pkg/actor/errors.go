// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor

import (
	"fmt"
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
