// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// TestExitCodes shows what every kind of error ends a command with.
func TestExitCodes(t *testing.T) {
	for err, want := range map[error]int{
		nil:                                               ExitOK,
		errors.New("other"):                               ExitFailure,
		api.Errorf(api.CodeInternal, ""):                  ExitFailure,
		ErrInterrupted:                                    ExitInterrupted,
		fmt.Errorf("write: %w", syscall.EPIPE):            ExitBrokenPipe,
		kv.ErrCorrupt.With(errors.New("x")):               ExitCorrupt,
		kv.ErrUnavailable:                                 ExitUnavailable,
		fmt.Errorf("x is %w", pebbledb.ErrLocked):         ExitRefused,
		context.DeadlineExceeded:                          ExitUnknown,
		Advise(api.Errorf(api.CodeApplication, "x"), "y"): ExitApplication,
	} {
		if got := ExitCodeOf(err); got != want {
			t.Errorf("%v ends with %d, want %d", err, got, want)
		}
	}
}

// TestExitCodeTable shows that the table is in order and without repetition.
func TestExitCodeTable(t *testing.T) {
	table := ExitCodes()
	if !slices.IsSortedFunc(table, func(a, b ExitCode) int { return a.Code - b.Code }) {
		t.Error("not in order")
	}
	for code := api.CodeOK; !strings.HasPrefix(code.String(), "code_"); code++ {
		if !slices.ContainsFunc(table, func(e ExitCode) bool { return e.Code == code.ExitCode() }) {
			t.Errorf("%d, for %v, is not in the table", code.ExitCode(), code)
		}
	}
}

// TestPrintError shows what a person sees of an error.
func TestPrintError(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("a\nb\x1b[2J"), "error: a; b\\u001b[2J\n"},
		{api.Errorf(api.CodeNotFound, "no such thing"), "error: no such thing\n"},
		{api.Errorf(api.CodeNotFound, ""), "error: not found\n"},
		{&api.Error{Code: api.CodeUnavailable, Message: "no", Cause: api.Errorf(api.CodeUnavailable, "because")},
			"error: no: because\n"},
		{api.Errorf(api.CodeUnavailable, "no: %w", errors.New("because")), "error: no: because\n"},
		{&api.Error{Code: api.CodeApplication, Message: "empty", Detail: map[string]string{api.DetailCode: "stock"}},
			"error: stock: empty\n"},
		{Advise(api.Errorf(api.CodeMismatch, "wrong"), "do %s", "this"), "error: wrong\ndo this\n"},
		{Advise(Advise(errors.New("wrong"), "first"), "second"), "error: wrong\nfirst\n"},
		{context.DeadlineExceeded, "error: no answer arrived in time\n"},
		{errors.Join(Advise(api.Errorf(api.CodeMismatch, "wrong"), "do this"), nil), "error: wrong\ndo this\n"},
		{errors.Join(api.Errorf(api.CodeMismatch, "wrong"), errors.New("closing")), "error: wrong; closing\n"},
		{fmt.Errorf("both %w and %w", errors.New("this"), errors.New("that")), "error: both this and that\n"},
		{syscall.EPIPE, ""},
	} {
		var b strings.Builder
		PrintError(&b, c.err)
		if b.String() != c.want {
			t.Errorf("%#v prints %q, want %q", c.err, b.String(), c.want)
		}
	}
	if Advise(nil, "x") != nil {
		t.Error("advice made an error")
	}
}

// TestReason shows that the system's words come without those of Go's network package.
func TestReason(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
			"connection refused"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "nowhere"}},
			"no such host"},
		{api.Errorf(api.CodeUnavailable, "no: %w", syscall.ECONNRESET), "connection reset by peer"},
		{api.Errorf(api.CodeMismatch, "another version"), "another version"},
		{api.Errorf(api.CodeUnavailable, "cannot connect: %w", context.DeadlineExceeded), "no answer arrived in time"},
	} {
		if got := Reason(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
