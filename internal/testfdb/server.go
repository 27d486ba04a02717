// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// server is an fdbserver, which is started again and again at the same address, on the same data. It is for one
// goroutine at a time.
type server struct {
	name, program, address, dir, file string

	cmd   *exec.Cmd // nil if it is not to run
	ended chan error
}

// start starts the server. It does not wait until it serves.
func (s *server) start() error {
	output, err := os.OpenFile(s.output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer output.Close() // the server has its own
	data := filepath.Join(s.dir, s.name)
	cmd := exec.Command(s.program,
		"--cluster-file", s.file, "--public-address", s.address, "--listen-address", "public",
		"--datadir", data, "--logdir", s.logDir(),
		// Each is a machine of its own, else there would be nowhere to keep a second copy.
		"--locality-machineid="+s.name, "--locality-zoneid="+s.name,
		// Not every file system that a test may run on can do this.
		"--knob_disable_posix_kernel_aio=1",
	)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = dieWithUs()
	for _, dir := range []string{data, s.logDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.cmd, s.ended = cmd, ended
	return nil
}

// kill ends the server as a power failure would, and waits for its end.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // fails if it has ended
	<-s.ended
	s.cmd = nil
}

// failure returns how the server has ended by itself, and nil if it runs.
func (s *server) failure() error {
	select {
	case err := <-s.ended:
		s.cmd = nil
		written, _ := os.ReadFile(s.output()) // what there is of it
		return fmt.Errorf("%s (%s) ended by itself: %v: %s", s.name, s.program, err, strings.TrimSpace(string(written)))
	default:
		return nil
	}
}

// logDir is where the server writes its trace files.
func (s *server) logDir() string { return filepath.Join(s.dir, s.name+"-log") }

func (s *server) output() string { return filepath.Join(s.dir, s.name+".out") }
