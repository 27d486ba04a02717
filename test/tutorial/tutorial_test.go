// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package tutorial

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	// What the commands are made of: without this, go test takes the result of a run before a change for one after it.
	_ "github.com/kelpiehq/kelpie/pkg/backup"
	_ "github.com/kelpiehq/kelpie/pkg/host"

	"github.com/kelpiehq/kelpie/internal/testtools"
)

const page = "../../docs/tutorial.md"

// patience is how long the whole page may take: far longer than it does.
const patience = 4 * time.Minute

// block is a fenced block of the page.
type block struct {
	line           int
	language, name string
	text           string
}

func blocks(t *testing.T) (all []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for i, line := range strings.Split(string(text), "\n") {
		switch info, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			language, name, _ := strings.Cut(info, " ")
			open = &block{line: i + 1, language: language, name: name}
		case fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return all
}

// TestTutorial does what the page says, in one shell and a home of its own, at ports that are free.
func TestTutorial(t *testing.T) {
	testtools.Require(t, "bash")
	sh := startShell(t)
	said, ran := "", 0
	ports := freePorts(t, "7500", "7600", "7601", "7602")
	for _, b := range blocks(t) {
		text := ports.Replace(b.text)
		switch b.language {
		case "sh":
			said = sh.run(b.line, text)
			ran++
		case "go":
			sh.run(b.line, "cat >"+b.name+" <<'END OF FILE'\n"+text+"END OF FILE\n")
		case "text":
			// Columns are as wide as what is in them.
			if !wildcards(text).MatchString(squeeze(said)) {
				t.Fatalf("docs/tutorial.md:%d: it says\n%s\nand it is\n%s", b.line, text, said)
			}
		default:
			t.Fatalf("docs/tutorial.md:%d: a block of %q is not run", b.line, b.language)
		}
	}
	if ran < 10 {
		t.Fatalf("only %d blocks were run", ran)
	}
}

func squeeze(s string) string { return regexp.MustCompile(` +`).ReplaceAllString(s, " ") }

// wildcards matches a text in which "..." is anything, and a line of it any number of lines.
func wildcards(text string) *regexp.Regexp {
	text = regexp.MustCompile(`(?m)^\.\.\.\n`).ReplaceAllString(text, "...")
	return regexp.MustCompile(`\A(?s:` + strings.ReplaceAll(regexp.QuoteMeta(squeeze(text)), `\.\.\.`, `.*?`) + `)\z`)
}

// freePorts puts free ports in the place of those of the page, which somebody may be using.
func freePorts(t *testing.T, named ...string) *strings.Replacer {
	t.Helper()
	var pairs []string
	for _, port := range named {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at once, so that they differ
		pairs = append(pairs, ":"+port, ":"+strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return strings.NewReplacer(pairs...)
}

// shell is a bash that is told what to do block by block.
type shell struct {
	*testing.T
	in    io.Writer
	lines *bufio.Reader
}

const mark = "--- done with this block:"

func startShell(t *testing.T) *shell {
	t.Helper()
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc")
	cmd.Dir = "../.."
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // and what it has started
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "BIN=" + filepath.Join(home, "bin"),
		"LC_ALL=C.UTF-8"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOTOOLCHAIN"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(value)))
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); w.Close() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with all that it has started and that has not ended
		in.Close()
		go io.Copy(io.Discard, out)
		<-ended
		cancel()
	})
	return &shell{t, in, bufio.NewReader(out)}
}

// run runs a block and returns what it prints. It must succeed.
func (s *shell) run(line int, text string) string {
	s.Helper()
	if _, err := fmt.Fprintf(s.in, "set -e\n%sset +e\necho '%s' $?\n", text, mark); err != nil {
		s.Fatal(err)
	}
	var said strings.Builder
	for {
		l, err := s.lines.ReadString('\n')
		if strings.HasPrefix(l, mark) {
			return said.String()
		}
		said.WriteString(l)
		if err != nil {
			s.Fatalf("docs/tutorial.md:%d: it failed:\n%s", line, said.String())
		}
	}
}
