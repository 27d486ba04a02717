// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Codes cross the wire: this list is only ever added to.
func TestCodesAreFrozen(t *testing.T) {
	names := []string{
		"ok", "unavailable", "unknown", "deadline_exceeded", "cancelled", "overloaded", "moved", "unknown_namespace",
		"unknown_method", "invalid_argument", "too_large", "application", "no_capacity", "fenced", "internal",
		"not_found",
		"already_exists", "mismatch", "permission_denied", "corrupt_state", "failed_precondition", "store", "deadlock",
		"quarantined",
	}
	for number, name := range names {
		if got := api.Code(number).String(); got != name {
			t.Errorf("code %d is %q, want %q", number, got, name)
		}
	}
	if got := api.Code(len(names)).String(); got != fmt.Sprintf("code_%d", len(names)) {
		t.Errorf("code %d, which is not in this list, is %q", len(names), got)
	}
}

func TestCodeOf(t *testing.T) {
	moved := api.Errorf(api.CodeMoved, "to %s", "n2")
	for _, c := range []struct {
		err  error
		want api.Code
	}{
		{nil, api.CodeOK},
		{moved, api.CodeMoved},
		{fmt.Errorf("call: %w", moved), api.CodeMoved},
		{api.Errorf(api.CodeUnavailable, "no: %w", moved), api.CodeUnavailable},
		{context.DeadlineExceeded, api.CodeDeadlineExceeded},
		{fmt.Errorf("wait: %w", context.Canceled), api.CodeCancelled},
		{io.EOF, api.CodeInternal},
	} {
		if got := api.CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) is %v, want %v", c.err, got, c.want)
		}
	}
}

func TestErrorsCompareByCode(t *testing.T) {
	err := fmt.Errorf("call: %w", api.Errorf(api.CodeFenced, "node n1"))
	if !errors.Is(err, &api.Error{Code: api.CodeFenced}) || errors.Is(err, &api.Error{Code: api.CodeMoved}) {
		t.Error("errors do not compare by code alone")
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  *api.Error
		want string
	}{
		{&api.Error{Code: api.CodeMoved}, "moved"},
		{&api.Error{Code: api.CodeMoved, Op: "rpc.call", Message: "gone"}, "rpc.call: moved: gone"},
		{&api.Error{Code: api.CodeMoved, Message: "gone", Cause: io.EOF}, "moved: gone: EOF"},
		{api.Errorf(api.CodeMoved, "read: %w", io.EOF), "moved: read: EOF"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("text is %q, want %q", got, c.want)
		}
	}
	if !errors.Is(api.Errorf(api.CodeMoved, "read: %w", io.EOF), io.EOF) {
		t.Error("Errorf loses its cause")
	}
}

func TestErrorFrom(t *testing.T) {
	if api.ErrorFrom(nil) != nil {
		t.Error("an error from nil")
	}
	moved := &api.Error{Code: api.CodeMoved, Message: "gone", Detail: map[string]string{"owner_node": "n2"}}
	if api.ErrorFrom(moved) != moved {
		t.Error("an Error is not itself")
	}
	wrapped := api.ErrorFrom(fmt.Errorf("call: %w", moved))
	if wrapped.Code != api.CodeMoved || wrapped.Message != "call: moved: gone" || wrapped.Detail["owner_node"] != "n2" {
		t.Errorf("from a wrapped error: %+v", wrapped)
	}
	if plain := api.ErrorFrom(io.EOF); plain.Code != api.CodeInternal || !errors.Is(plain, io.EOF) {
		t.Errorf("from an error without a code: %+v", plain)
	}
}
