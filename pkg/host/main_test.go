// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
)

// asNode makes the test's own binary a node of somebody's own actors.
const asNode = "KELPIE_TEST_AS_NODE"

func TestMain(m *testing.M) {
	if os.Getenv(asNode) != "" {
		Main(actor.New[struct{}]("mine"))
	}
	os.Exit(m.Run())
}

// TestMainFunction shows that a program with actors of its own is a node, with the flags of one, by one call.
func TestMainFunction(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (code int, output string) {
		cmd := exec.Command(binary, args...)
		cmd.Env = []string{asNode + "=1", "HOME=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), string(out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return cli.ExitOK, string(out)
	}
	if code, out := run("--help"); code != cli.ExitOK || !strings.Contains(out, filepath.Base(binary)+" [flags]") ||
		!strings.Contains(out, "--lease-ttl") {
		t.Errorf("help: exit code %d\n%s", code, out)
	}
	if code, out := run("--lisen", "x"); code != cli.ExitUsage || !strings.HasPrefix(out, "error: unknown flag") {
		t.Errorf("a mistyped flag: exit code %d\n%s", code, out)
	}
	if code, out := run("--listen", "x"); code != cli.ExitUsage || !strings.HasPrefix(out, "error: --listen") {
		t.Errorf("a wrong address: exit code %d\n%s", code, out)
	}
}
