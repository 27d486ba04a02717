// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Process is what a command has of the process it runs in.
type Process struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(name string) string
	// Signals begins to deliver requests to stop, until the function it returns is called.
	Signals func() (stop <-chan os.Signal, done func())
}

// System returns the process as it is.
func System() Process {
	return Process{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Signals: systemSignals}
}

// systemSignals delivers SIGINT, which Ctrl-C sends, and SIGTERM.
func systemSignals() (<-chan os.Signal, func()) {
	// Two may come before the first is looked at.
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}
