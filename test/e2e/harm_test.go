// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exitRefused is the exit code of a command that the present state forbids.
const exitRefused = 6

// harmfulCluster starts nodes of a program whose actors can end it.
func harmfulCluster(t *testing.T, nodes int, l lease) *cluster {
	t.Helper()
	program := filepath.Join(t.TempDir(), "harmful")
	tags, err := storeTags()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-tags", strings.TrimPrefix(tags, ","), "-o", program,
		"./testdata/harmful").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	c := &cluster{T: t, pool: newPool(t)}
	url := c.startStore()
	for i := range nodes {
		args := []string{"--node-id", "n" + strconv.Itoa(i+1), "--store", url}
		if i == 0 {
			args = append(args, l.flags()...)
		}
		node := newDaemon(t, "n"+strconv.Itoa(i+1), args...)
		node.binary = program
		node.start()
		c.nodes = append(c.nodes, node)
	}
	c.awaitNodes()
	return c
}

// try runs a command that may fail, and returns what it says and its exit code.
func (c *cluster) try(args ...string) (said string, code int) {
	c.Helper()
	cmd := exec.Command(
		binary, append(args, "--addr", strings.Join(c.addresses(), ","), "--timeout", patience.String())...)
	cmd.Env = append([]string{}, storeEnv()...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		c.Fatal(err)
	}
	return string(out), code
}

// ended takes note of the nodes whose processes have ended by themselves, and returns them.
func (c *cluster) ended() (ended []*daemon) {
	for _, node := range c.nodes {
		if node.cmd != nil && !node.running() {
			<-node.ended
			node.cmd = nil
			ended = append(ended, node)
		}
	}
	return ended
}

// TestActorsThatEndTheirNodes shows that a handler which ends its process ends two of three nodes, and one more when
// they are up again, and is refused from then on; all else is served all the time.
func TestActorsThatEndTheirNodes(t *testing.T) {
	c := harmfulCluster(t, 3, lease{ttl: 1500 * time.Millisecond, heartbeat: 300 * time.Millisecond})
	const actors = 6
	added := 0
	addAll := func() {
		t.Helper()
		added++
		for i := range actors {
			if got := strings.TrimSpace(
				string(c.kelpie("actors", "call", fmt.Sprintf("harm/%d", i), "add", "1"))); got != strconv.Itoa(added) {
				t.Errorf("harm/%d is %s, want %d", i, got, added)
			}
		}
	}
	addAll()

	said, code := c.try("actors", "call", "harm/0", "link", "null")
	if !strings.Contains(said, "contains itself: at Child.Parent") || code == 0 {
		t.Errorf("a cycle: exit code %d, %s", code, said)
	}
	if ended := c.ended(); len(ended) != 0 {
		t.Fatalf("a cycle has ended %d nodes", len(ended))
	}
	addAll()

	for _, method := range []string{"overflow", "exit"} {
		bad := "harm/" + method
		c.kelpie("actors", "call", bad, "add", "41")
		// The last node does not try it, and the next call of it ends one more of those that are started again.
		for _, ends := range []int{2, 1} {
			said, code := c.try("actors", "call", bad, method, "null")
			if want := "while it ran method " + method; code != exitRefused || !strings.Contains(said, want) {
				t.Errorf("%s: exit code %d, %s", method, code, said)
			}
			ended := c.ended()
			if len(ended) != ends {
				t.Fatalf("%s has ended %d nodes", method, len(ended))
			}
			addAll()
			if said, code = c.try("actors", "call", bad, "add", "1"); code != exitRefused {
				t.Errorf("%s: then exit code %d, %s", method, code, said)
			}
			for _, node := range ended {
				node.start()
			}
			c.awaitNodes()
		}
		if got := string(c.kelpie("actors", "quarantine", "ls", "-o", "name")); got != bad+"\n" {
			t.Errorf("listed: %q", got)
		}
		if said, code = c.try("actors", "call", bad, "add", "1"); code != exitRefused {
			t.Errorf("%s: on nodes that were started again: exit code %d, %s", method, code, said)
		}
		c.kelpie("actors", "quarantine", "clear", bad)
		if got := string(c.kelpie("actors", "call", bad, "add", "1")); got != "42\n" {
			t.Errorf("after the clearing: %q", got)
		}
		addAll()
	}
}
