// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/testtools"
)

// screenPatience is how long a screen is waited for: far longer than it takes.
const screenPatience = 60 * time.Second

// screen is a terminal of tmux in which a command runs.
type screen struct {
	*testing.T
	socket string
}

// openScreen runs a command in a terminal of its own.
func openScreen(t *testing.T, width, height int, command string) *screen {
	t.Helper()
	s := &screen{t, fmt.Sprintf("kelpie-%d", os.Getpid())}
	s.tmux("-f", "/dev/null", "new-session", "-d", "-s", "top", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height),
		command)
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-L", s.socket, "kill-server").Run() // which has ended if the command has
	})
	return s
}

func (s *screen) tmux(args ...string) string {
	s.Helper()
	cmd := exec.Command("tmux", append([]string{"-L", s.socket}, args...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// shows waits until the screen has all texts, and returns it.
func (s *screen) shows(texts ...string) string {
	s.Helper()
	var now string
	for begun := time.Now(); time.Since(begun) < screenPatience; time.Sleep(50 * time.Millisecond) {
		now = s.tmux("capture-pane", "-p", "-t", "top")
		missing := false
		for _, text := range texts {
			missing = missing || !regexp.MustCompile(text).MatchString(now)
		}
		if !missing {
			return now
		}
	}
	s.Fatalf("it does not show all of %q:\n%s", texts, now)
	return ""
}

// lacks waits until the screen does not have a text.
func (s *screen) lacks(text string) {
	s.Helper()
	for begun := time.Now(); regexp.MustCompile(text).MatchString(
		s.tmux("capture-pane", "-p", "-t", "top")); time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > screenPatience {
			s.Fatalf("it goes on to show %q", text)
		}
	}
}

func (s *screen) press(keys ...string) {
	s.Helper()
	s.tmux(append([]string{"send-keys", "-t", "top"}, keys...)...)
}

var devProcess = regexp.MustCompile(`^\s+(store|n\d)\s+(\S+:\d+)\s+process (\d+)`)

// startDev starts a playground, and returns the addresses and process ids of its nodes.
func startDev(t *testing.T) (addrs []string, pids []int) {
	t.Helper()
	cmd := exec.Command(binary, "dev", "--listen", "127.0.0.1:0", "--load")
	cmd.Env = []string{"HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the playground ended with %v", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if found := devProcess.FindStringSubmatch(lines.Text()); found != nil && found[1] != "store" {
			pid, err := strconv.Atoi(found[3])
			if err != nil {
				t.Fatal(err)
			}
			addrs, pids = append(addrs, found[2]), append(pids, pid)
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			go func() {
				for lines.Scan() { // so that it can go on writing
				}
			}()
			return addrs, pids
		}
	}
	t.Fatal("the playground does not start")
	return nil, nil
}

// TestTopOfAPlayground drives the live view in a real terminal, while the node that it asks is killed.
func TestTopOfAPlayground(t *testing.T) {
	testtools.Require(t, "tmux")
	addrs, pids := startDev(t)
	if len(addrs) != 3 {
		t.Fatalf("nodes at %v", addrs)
	}
	s := openScreen(t, 100, 30, "HOME=/nonexistent KELPIE_CONFIG=/dev/null '"+binary+"' top --addr "+addrs[0])
	s.shows(`3/3 nodes`, `(?m)^>n1 +active`, `(?m)^ n2 +active`, `(?m)^ n3 +active`)
	s.press("2")
	s.shows(`(?m)^>\S+/load-`, `m migrate`)
	s.press("/")
	s.press("counter/load-1")
	s.press("Enter")
	s.shows(`/counter/load-1: \d+ shown`)
	s.press("Escape")
	s.lacks(`shown; esc`) // an escape and a letter at once would be another key
	s.press("m")
	s.shows(`Move actor \S+ to another node`, `y: migrate`)
	s.press("n")
	s.press("?")
	s.shows(`filter as you type`)
	s.press("q")
	s.press("1")
	s.shows(`(?m)^>n1 +active`)
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil { // the one that it asks
		t.Fatal(err)
	}
	s.shows(`(?m)^>n1 +(silent|failed)`, `2/3 nodes`)
	s.shows(`(?m)^>n1 +failed`)
	s.press("5")
	s.shows(`failed +n1`)
	s.tmux("resize-window", "-t", "top", "-x", "40", "-y", "10")
	s.shows(`needs a window of at least 60\s+by 12`)
	s.tmux("resize-window", "-t", "top", "-x", "160", "-y", "40")
	s.shows(`via n[23]`)
	s.press("q")
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) { // the session ends with the command
		if exec.Command("tmux", "-L", s.socket, "has-session", "-t", "top").Run() != nil {
			return
		}
		if time.Since(begun) > screenPatience {
			t.Fatal("q does not end it")
		}
	}
}
