// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

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

// systemSignals delivers SIGINT, which Ctrl-C sends, and SIGTERM. Exit ends the process with an exit code, after what
// the stores that it opened have left running. It is for the end of main.
func Exit(code int) {
	if code != ExitInterrupted { // which is in a hurry
		if err := stopFDB(); err != nil {
			PrintError(os.Stderr, err)
		}
	}
	os.Exit(code)
}

func systemSignals() (<-chan os.Signal, func()) {
	// Two may come before the first is looked at.
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}
