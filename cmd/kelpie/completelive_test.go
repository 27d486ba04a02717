// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
)

// completions returns the completions of a line whose last word is unfinished.
func (term terminal) completions(line string) string {
	return strings.Join(
		strings.Fields(term.run(append([]string{"__completeNoDesc"}, strings.Split(line, " ")...)...).stdout), " ")
}

// TestCompleteLive shows that actors and namespaces are completed from the cluster, and that no answer is no offer.
func TestCompleteLive(t *testing.T) {
	first, second := twoNodes(t)
	for _, actor := range []string{"counter/a!", "counter/a", "counter/a~", "counter/b1", "counter/b10", "counter/b2",
		"kv/b1"} {
		method := []string{"actors", "call", actor, "get"}
		if strings.HasPrefix(actor, "kv/") {
			method = append(method, `"key"`)
		}
		if r := first.run(method...); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	nobody := terminal{env: map[string]string{"KELPIE_ADDR": "127.0.0.1:1"}}
	for line, want := range map[string]string{
		"namespaces show ":              "cache counter echo kv :4",
		"namespaces set c":              "cache counter :4",
		"actors ls --namespace ":        "cache counter echo kv :4",
		"actors migrate --namespace k":  "kv :4",
		"actors call ":                  "cache/ counter/ echo/ kv/ :6",
		"actors rm cou":                 "counter/ :6",
		"actors get counter/":           "counter/a counter/a! counter/a~ counter/b1 counter/b10 counter/b2 :4",
		"actors get counter/a":          "counter/a counter/a! counter/a~ :4",
		"actors migrate counter/a!":     "counter/a! :4",
		"actors call counter/b1":        "counter/b1 counter/b10 :4",
		"leases break --actor kv/":      "kv/b1 :4",
		"actors call counter/b1 ":       ":4",
		"actors call nosuch/":           ":4",
		"actors call not-a-name!/":      ":4",
		"actors call counter/b\x00":     ":4",
		"bench --namespace ":            "counter echo kv :4", // those whose methods it knows
		"actors ls --addr 127.0.0.1:1 ": ":4",
	} {
		if got := second.completions(line); got != want {
			t.Errorf("%q is completed by %q, want %q", line, got, want)
		}
		if got := nobody.completions(line); strings.HasPrefix(want, "c") && !strings.HasPrefix(line, "bench") &&
			got != ":4" && got != ":6" {
			t.Errorf("without a cluster, %q is completed by %q", line, got)
		}
	}
}

// TestCompleteFew shows that no more actors are offered than can be read, and that those after them are found by
// typing on.
func TestCompleteFew(t *testing.T) {
	first, _ := twoNodes(t)
	for i := range completionActorsMax + 10 {
		if r := first.run("actors", "call", fmt.Sprintf("echo/%03d", i), "echo"); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	if got := strings.Fields(first.completions("actors get echo/")); len(got) != completionActorsMax+1 ||
		got[0] != "echo/000" {
		t.Errorf("offered %q", got)
	}
	if got := first.completions("actors get echo/059"); got != "echo/059 :4" {
		t.Errorf("offered %q", got)
	}
}
