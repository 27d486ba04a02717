// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup changes nothing: this system has no groups of processes.
func ownGroup() *syscall.SysProcAttr { return nil }

// terminate ends a process: this system can't ask it to.
func terminate(p *os.Process) error {
	if err := p.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
