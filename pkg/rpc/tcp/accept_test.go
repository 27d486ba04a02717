// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/time/rate"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// failing is a listener that accept fails for.
type failing struct {
	net.Listener
	errs []error
}

func (l *failing) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
}

// A connection that breaks before it is accepted does not end the listener, and neither does a lack of memory.
func TestOneConnectionDoesNotEndTheListener(t *testing.T) {
	for _, broken := range []syscall.Errno{syscall.ECONNABORTED, syscall.EPROTO, syscall.ENETDOWN, syscall.EHOSTUNREACH,
		syscall.EPERM} {
		l := listener{&failing{errs: []error{broken, broken, net.ErrClosed}}, rate.NewLimiter(1, 1)}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v: %v", broken, err)
		}
	}
	for _, lack := range []syscall.Errno{syscall.EMFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		l := listener{&failing{errs: []error{lack}}, rate.NewLimiter(1, 1)}
		if _, err := l.Accept(); !errors.Is(err, rpc.ErrNoDescriptors) || !errors.Is(err, lack) {
			t.Errorf("%v: %v", lack, err)
		}
	}
	l := listener{&failing{errs: []error{syscall.EINVAL}}, rate.NewLimiter(1, 1)}
	if _, err := l.Accept(); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}
