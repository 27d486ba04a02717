// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"github.com/kelpiehq/kelpie/internal/cli"
	"os"
	"syscall"
	"testing"
)

// signalled returns a process that gets the signals sent to the channel.
func signalled() (cli.Process, chan<- os.Signal) {
	signals := make(chan os.Signal, 2)
	return cli.Process{Signals: func() (<-chan os.Signal, func()) { return signals, func() {} }}, signals
}

// TestFirstSignalStopsGracefully shows that the first signal ends one context and not the other, and that what runs
// by then is waited for.
func TestFirstSignalStopsGracefully(t *testing.T) {
	p, signals := signalled()
	in, unlisten := listen(t.Context(), p)
	defer unlisten()
	if in.graceful.Err() != nil {
		t.Fatal("ended before any signal")
	}
	signals <- os.Interrupt
	<-in.graceful.Done()
	if in.immediate.Err() != nil {
		t.Fatal("one signal counted as two")
	}
	want := errors.New("result")
	if err := in.stop(func(context.Context) error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}

// TestSecondSignalDoesNotWait shows that the second signal ends a stop that hangs, also if
// both signals came before it began.
func TestSecondSignalDoesNotWait(t *testing.T) {
	p, signals := signalled()
	in, unlisten := listen(t.Context(), p)
	defer unlisten()
	signals <- os.Interrupt
	signals <- os.Interrupt
	<-in.graceful.Done()
	hang := make(chan struct{})
	defer close(hang)
	if err := in.stop(func(context.Context) error { <-hang; return nil }); err != cli.ErrInterrupted {
		t.Errorf("got %v", err)
	}
}

// TestTermIsNoHurry shows that SIGTERM, however often, asks for one graceful stop, whatever came first, and that
// SIGINT after it hurries.
func TestTermIsNoHurry(t *testing.T) {
	for _, first := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		signals := make(chan os.Signal) // the sender knows that the last one was looked at
		p := cli.Process{Signals: func() (<-chan os.Signal, func()) { return signals, func() {} }}
		in, unlisten := listen(t.Context(), p)
		for _, s := range []os.Signal{first, syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM} {
			signals <- s
		}
		<-in.graceful.Done()
		want := errors.New("result")
		if err := in.stop(func(context.Context) error { return want }); err != want {
			t.Errorf("after %v and SIGTERM: %v", first, err)
		}
		signals <- os.Interrupt
		<-in.immediate.Done()
		unlisten()
	}
}

// TestCallerStops shows that the end of the caller's context is a request to stop gracefully.
func TestCallerStops(t *testing.T) {
	p, _ := signalled()
	ctx, cancel := context.WithCancel(t.Context())
	in, unlisten := listen(ctx, p)
	defer unlisten()
	cancel()
	<-in.graceful.Done()
	if in.immediate.Err() != nil {
		t.Error("the end of the context counted as two signals")
	}
}
