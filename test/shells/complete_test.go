// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package shells

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/kelpiehq/kelpie/internal/testtools"
)

var servingAt = regexp.MustCompile(`msg="?serving.* address=(\S+)`)

// startNode starts a node with actors counter/alice and counter/bob, and returns its address.
func startNode(t *testing.T) string {
	t.Helper()
	kelpie := filepath.Join(installed, "bin/kelpie")
	cmd := exec.Command(kelpie, "node", "start", "--node-id", "azure", "--store", "memory:", "--listen", "127.0.0.1:0")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	var said strings.Builder
	for lines := bufio.NewScanner(io.TeeReader(stderr, &said)); lines.Scan(); {
		at := servingAt.FindStringSubmatch(lines.Text())
		if at == nil {
			continue
		}
		go io.Copy(io.Discard, stderr)
		for _, actor := range []string{"counter/alice", "counter/bob"} {
			if out, err := exec.Command(kelpie, "actors", "call", actor, "add", "1", "--addr",
				at[1]).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		return at[1]
	}
	t.Fatalf("the node does not serve:\n%s", said.String())
	return ""
}

// write writes a file of a shell's own.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCompletion shows that every shell, set up as its users have it, completes commands, flags and, from a node,
// names.
func TestCompletion(t *testing.T) {
	testtools.Require(t, "tmux")
	node := startNode(t)
	for name, start := range map[string]func(t *testing.T) (environment, shell []string){
		"bash": func(t *testing.T) ([]string, []string) {
			testtools.Require(t, "bash", "bash-completion")
			rc := write(t, t.TempDir(), "bashrc", "PS1='"+prompt+" '\nsource "+testtools.BashCompletion+"\n")
			return nil, []string{"bash", "--noprofile", "--rcfile", rc, "-i"}
		},
		"bash without bash-completion": func(t *testing.T) ([]string, []string) {
			testtools.Require(t, "bash")
			rc := write(t, t.TempDir(), "bashrc", "PS1='"+prompt+" '\nsource "+
				filepath.Join(installed, "share/bash-completion/completions/kelpie")+"\n")
			return nil, []string{"bash", "--noprofile", "--rcfile", rc, "-i"}
		},
		"zsh": func(t *testing.T) ([]string, []string) {
			testtools.Require(t, "zsh")
			dir := t.TempDir()
			write(t, dir, ".zshrc", "PS1='"+prompt+" '\nfpath=("+filepath.Join(installed, "share/zsh/site-functions")+
				" $fpath)\nautoload -Uz compinit\ncompinit -u -D\n")
			return []string{"ZDOTDIR=" + dir}, []string{"zsh", "-d", "-i"}
		},
		"fish": func(t *testing.T) ([]string, []string) {
			testtools.Require(t, "fish")
			dir := t.TempDir()
			// Without suggestions, which would show what is wanted without a tab.
			write(t, dir, "fish/config.fish", "function fish_prompt\n echo -n '"+prompt+
				" '\nend\nset -g fish_autosuggestion_enabled 0\nset -g fish_greeting\n")
			// As if there were some already, else it makes completions of all man pages in the background, for longer
			// than the test takes.
			write(t, dir, "fish/generated_completions/kelpie-test.fish", "")
			return []string{"XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir}, []string{"fish", "--private", "-i"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment, shell := start(t)
			s := newScreen(t, append(environment, "KELPIE_ADDR="+node), shell...)
			s.completes("kelpie actors migr", "kelpie actors migrate")
			s.completes("kelpie actors ls --names", "kelpie actors ls --namespace")
			s.completes("kelpie actors ls -o js", "kelpie actors ls -o json")
			s.completes("kelpie node show az", "kelpie node show azure")
			s.completes("kelpie actors migrate counter/alice --to az", "kelpie actors migrate counter/alice --to azure")
			s.completes("kelpie namespaces show coun", "kelpie namespaces show counter")
			s.completes("kelpie actors get coun", "kelpie actors get counter/")
			s.completes("kelpie actors get counter/al", "kelpie actors get counter/alice")
			s.completes("kelpie actors call counter/al", "kelpie actors call counter/alice")
			s.completes("kelpie actors ls --addr="+node+" --namespace=coun", "kelpie actors ls --addr="+node+
				" --namespace=counter")
		})
	}
}
