// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/human"
)

func (p *playground) say(format string, args ...any) error {
	_, err := human.Fprintf(p.Stdout, format, args...)
	return err
}

// event says what has just happened.
func (p *playground) event(format string, args ...any) error {
	return p.say(time.Now().Format(time.TimeOnly)+"  "+format+"\n", args...)
}

// welcome says what is up, and what to try with it.
func (p *playground) welcome() error {
	var b strings.Builder
	fmt.Fprintf(&b, "A store and %s are up:\n\n", nodesText(len(p.nodes)))
	for _, child := range p.all() {
		fmt.Fprintf(&b, "  %-6s %-16s  process %d\n", child.name, child.address, child.pid)
	}
	kept := "is removed at the end"
	if !p.removed {
		kept = "is kept"
	}
	fmt.Fprintf(&b, "\nTheir data and logs are in %s, which %s.\n", p.dir, kept)
	if p.flags.load {
		fmt.Fprintf(&b, "The load calls actors of counter, kv and cache %d times per second; some refuse, some "+
			"are slow.\n",
			p.flags.rate)
	}
	self, victim := programName(), p.nodes[len(p.nodes)/2]
	b.WriteString("\nTry in another terminal:\n\n")
	fmt.Fprintf(&b, "  export KELPIE_ADDR=%s\n", strings.Join(p.addresses(), ","))
	dies := victim.name + " dies; the others take its actors"
	if len(p.nodes) == 1 {
		dies = victim.name + " dies; no other node is left to take its actors"
	}
	call := self + " actors call counter/a add 5"
	for _, line := range [][2]string{
		{call, "call an actor; the first call activates it"},
		{self + " actors ls", "show which actors are where"},
		{self + " top", "watch the cluster"},
		{fmt.Sprintf("kill -9 %d", victim.pid), dies},
	} {
		fmt.Fprintf(&b, "  %-*s  # %s\n", len(call), line[0], line[1])
	}
	b.WriteString("\nCtrl-C stops everything.\n\n")
	return p.say("%s", b.String())
}

// programName is what the user called this program.
func programName() string {
	if len(os.Args) == 0 || strings.ContainsAny(os.Args[0], " '\"$\\") {
		return "kelpie"
	}
	return os.Args[0]
}

// consequence says what the end of a process means for the others.
func (p *playground) consequence(end devEnd) string {
	var said string
	switch {
	case end.child == p.store:
		said = "; until it is back, nodes answer \"unavailable\""
	case !anyRuns(p.nodes):
		said = "; no node is left"
	case end.state.Success():
		said = "; its actors are on the other nodes"
	case p.leaseTTL == 0:
		said = "; the others take its actors when they are called, after its lease has expired"
	default:
		said = fmt.Sprintf("; the others take its actors when they are called, after its lease of %v has expired",
			p.leaseTTL)
	}
	if !p.flags.restart {
		said += "; --restart would start it again"
	}
	return said
}
