// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package shells

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// patience bounds every wait for something that must happen. It is far from what anything takes.
	patience = 30 * time.Second
	// pollInterval is how often it is looked whether something has happened.
	pollInterval = 20 * time.Millisecond
	// prompt is how a shell says that it is ready for a line.
	prompt = "READY>"
)

// screen is a shell at a terminal.
type screen struct {
	*testing.T
	socket string
}

// newScreen starts a shell, and waits until it is ready. Environment is what it has besides PATH and HOME.
func newScreen(t *testing.T, environment []string, shell ...string) *screen {
	t.Helper()
	dir, err := os.MkdirTemp("", "kelpie-tmux") // the test's own directory is too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t, filepath.Join(dir, "s")}
	home := t.TempDir()
	t.Cleanup(func() { s.end(dir) })
	cmd := exec.Command(
		"tmux", append([]string{"-f", "/dev/null", "-S", s.socket, "new-session", "-d", "-x", "160", "-y", "40"},
			shell...)...)
	cmd.Env = append([]string{
		"PATH=" + filepath.Join(installed, "bin") + ":" + os.Getenv("PATH"), "HOME=" + home, "TERM=xterm",
		"LC_ALL=C.UTF-8", "SHELL=/bin/sh",
		"XDG_DATA_DIRS=" + filepath.Join(installed, "share") + ":/usr/local/share:/usr/share",
	}, environment...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("no terminal: %v\n%s", err, out)
	}
	s.shows(prompt)
	return s
}

// end ends the shell, and waits for that: what it writes at its end must be written before its directories are removed.
func (s *screen) end(dir string) {
	s.Helper()
	running := func() bool { return exec.Command("tmux", "-S", s.socket, "has-session").Run() == nil }
	if running() {
		s.tmux("send-keys", "C-u")
		s.tmux("send-keys", "-l", "exit")
		s.tmux("send-keys", "Enter")
	}
	for deadline := time.Now().Add(patience); running(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			s.Errorf("the shell does not exit:\n%s", s.tmux("capture-pane", "-p"))
			s.tmux("kill-server")
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		s.Error(err)
	}
}

func (s *screen) tmux(args ...string) string {
	s.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// shows waits until the last line that begins with the prompt is the one wanted.
func (s *screen) shows(want string) {
	s.Helper()
	var all, last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(pollInterval) {
		all = s.tmux("capture-pane", "-p")
		for line := range strings.Lines(all) {
			if strings.HasPrefix(line, prompt) {
				last = strings.TrimSpace(line)
			}
		}
		if last == want {
			return
		}
	}
	s.Fatalf("the terminal shows %q, want %q:\n%s", last, want, all)
}

// completes types the beginning of a line, and wants a tab to complete it. Then it takes the line back.
func (s *screen) completes(typed, want string) {
	s.Helper()
	s.tmux("send-keys", "-l", typed)
	s.shows(prompt + " " + strings.TrimSpace(typed))
	s.tmux("send-keys", "Tab")
	s.shows(fmt.Sprintf("%s %s", prompt, want))
	s.tmux("send-keys", "C-u")
	s.shows(prompt)
}
