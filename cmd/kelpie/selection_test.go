// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestSort shows the orders of rows: numbers by their size, text by its bytes, what is equal as it came.
func TestSort(t *testing.T) {
	addr := node(t, api.MethodNodes, func(*api.Empty) (*api.NodesReply, error) {
		return &api.NodesReply{Nodes: []api.NodeRow{
			{Node: "a", Actors: 10, Epoch: 18446744073709551615, Zone: "eu", Labels: []string{"x=2"}},
			{Node: "b", Actors: 9, Epoch: 18446744073709551614, Zone: "us"}, {Node: "c", Actors: 100, Zone: "eu"},
		}}, nil
	})
	for flags, want := range map[string]string{
		"":                             "a b c",
		"--sort actors":                "b a c",
		"--sort actors:desc":           "c a b",
		"--sort actors:desc --limit 1": "c",
		"--sort epoch:desc":            "a b c",
		"--sort epoch":                 "c b a",
		"--sort zone":                  "a c b",
		"--sort zone:desc":             "b a c",
		"--sort node:desc":             "c b a",
		"--limit 2":                    "a b",
		"--zone eu --sort node:desc":   "c a",
	} {
		r := terminal{}.run(append([]string{"node", "ls", "-o", "name", "--addr", addr}, strings.Fields(flags)...)...)
		if got := strings.Join(strings.Fields(r.stdout), " "); got != want || r.code != cli.ExitOK {
			t.Errorf("%s: %+v, want %s", flags, r, want)
		}
	}
}

// manyActors serves n actors, in pages of up to 1,000. It calls asked before it serves a page.
func manyActors(t *testing.T, total int, asked func(page int)) string {
	t.Helper()
	return node(t, api.MethodActors, func(req *api.ActorsRequest) (*api.ActorsReply, error) {
		first := 0
		if req.After != "" {
			if _, err := fmt.Sscanf(req.After, "n/%d", &first); err != nil {
				return nil, err
			}
			first++
		}
		asked(first / 1000)
		reply := &api.ActorsReply{}
		for i := first; i < min(first+1000, total); i++ {
			reply.Actors = append(reply.Actors, api.ActorRow{Actor: fmt.Sprintf("n/%07d", i), State: api.ActorOwned})
		}
		if first+1000 < total {
			reply.Next = reply.Actors[len(reply.Actors)-1].Actor
		}
		return reply, nil
	})
}

// TestTooManyToSort shows that a list too long to be sorted is refused before all of it is read.
func TestTooManyToSort(t *testing.T) {
	pages := 0
	addr := manyActors(t, 1_000_000, func(int) { pages++ })
	terminal{}.run("actors", "ls", "--sort", "node", "--addr", addr).wants(t, cli.ExitRefused,
		"--sort: there are more than 10000 rows", "pipe")
	if pages != 11 {
		t.Errorf("%d pages were read", pages)
	}
	few := manyActors(t, 10_000, func(int) {})
	r := terminal{}.run("actors", "ls", "--sort", "actor:desc", "--limit", "1", "-o", "name", "--addr", few)
	if r.stdout != "n/0009999\n" {
		t.Errorf("%+v", r)
	}
}

// shared is a writer and who looks at what it has.
type shared struct {
	mu   sync.Mutex
	text strings.Builder
	// left is how many writes succeed until the reader has gone; less than 0 is for ever.
	left int
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		return 0, syscall.EPIPE
	}
	s.left--
	return s.text.Write(p)
}

func (s *shared) lines() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), "\n")
}

// TestListsStream shows, in every format, that a page is printed before the next is asked for: what a command keeps
// does not grow with the list.
func TestListsStream(t *testing.T) {
	for _, f := range formats {
		out := &shared{left: -1}
		addr := manyActors(t, 3500, func(page int) {
			// JSON has a comma before the end of a line, and so a line less.
			if lines := out.lines(); page > 0 && lines < 1000*page || page == 0 && lines > 0 {
				t.Errorf("-o %s: page %d is asked for with %d lines printed", f, page, lines)
			}
		})
		var stderr strings.Builder
		p := cli.Process{Stdin: strings.NewReader(""), Stdout: out, Stderr: &stderr, Getenv: func(string) string {
			return ""
		}}
		if code := run(p, []string{"actors", "ls", "-o", string(f), "--addr", addr}); code != cli.ExitOK ||
			out.lines() < 3500 {
			t.Errorf("-o %s: exit code %d with %d lines\n%s", f, code, out.lines(), stderr.String())
		}
	}
}

// TestStreamsEndWithTheirReader shows that a list, and one that is watched, ends without a word when its reader has
// gone, and reads no further.
func TestStreamsEndWithTheirReader(t *testing.T) {
	for _, flags := range []string{"", "-o json", "-o yaml", "-o name", "-o json --watch", "--watch"} {
		pages := 0
		addr := manyActors(t, 100_000, func(int) { pages++ })
		var stderr strings.Builder
		out := &shared{left: 2}
		p := cli.Process{
			Stdin: strings.NewReader(""), Stdout: out, Stderr: &stderr, Getenv: func(string) string { return "" },
			Signals: terminal{}.interrupted().listen,
		}
		args := append([]string{"actors", "ls", "--addr", addr}, strings.Fields(flags)...)
		if code := run(p, args); code != cli.ExitBrokenPipe || stderr.String() != "" {
			t.Errorf("%s: exit code %d, %q", flags, code, stderr.String())
		}
		if pages > 3 {
			t.Errorf("%s: %d pages were read", flags, pages)
		}
	}
}

// TestWatchedJSON shows that JSON that is watched has a line for each row of each look.
func TestWatchedJSON(t *testing.T) {
	addr := manyActors(t, 2, func(int) {})
	r := terminal{}.interrupted().run("actors", "ls", "--watch", "-o", "json", "--addr", addr)
	if lines := strings.Split(r.stdout, "\n"); r.code != cli.ExitOK || len(lines) != 3 ||
		!strings.HasPrefix(lines[1], `{"actor":"n/0000001",`) {
		t.Errorf("%+v", r)
	}
	if r = (terminal{}).interrupted().run("actors", "ls", "--watch", "-o", "yaml", "--addr", addr); !strings.HasPrefix(
		r.stdout, "---\n- actor: n/0000000\n") {
		t.Errorf("%+v", r)
	}
}
