// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitBroken = 1 // a bar is not held
	exitFailed = 2 // nothing was measured
)

// options are the flags.
type options struct {
	binary, modes string
	time          time.Duration
	// peer and addr are of the hostile peer itself.
	peer, addr string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.binary, "binary", "bin/kelpie", "the command whose node is harmed")
	flags.StringVar(&o.modes, "modes", "", "modes of harm, comma-separated; without it, each and then all at once")
	flags.DurationVar(&o.time, "time", 20*time.Second, "how long each mode lasts; quiet before it is half as long")
	flags.StringVar(&o.peer, "peer", "", "be the hostile peer, in these modes, of the node at -addr")
	flags.StringVar(&o.addr, "addr", "", "address of the node")
	if err := flags.Parse(args); err != nil {
		return exitFailed
	}
	if o.peer != "" {
		return report(stderr, harm(ctx, o.addr, strings.Split(o.peer, ",")))
	}
	rounds, err := o.rounds()
	if err != nil {
		return report(stderr, err)
	}
	code := 0
	fmt.Fprintln(stdout, header)
	for _, r := range rounds {
		f, err := r.measure(ctx, &o)
		if err != nil {
			return report(stderr, fmt.Errorf("%s: %w", r.name, err))
		}
		fmt.Fprintln(stdout, f)
		for _, broken := range f.broken() {
			fmt.Fprintf(stdout, "  %s: %s\n", r.name, broken)
			code = exitBroken
		}
	}
	return code
}

// report says what has kept the program from measuring.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "hostile:", err)
	return exitFailed
}

// round is a measurement of a node of its own, which some modes harm.
type round struct {
	name  string
	modes []string
	// files is how many descriptors the node may have; 0 is as many as this process.
	files int
}

// filesOfAll is how many descriptors the node has that everything is done to at once.
const filesOfAll = 1024

// rounds are what is to be measured.
func (o *options) rounds() ([]round, error) {
	var rounds []round
	if o.modes != "" {
		for name := range strings.SplitSeq(o.modes, ",") {
			m := modeOf(name)
			if m == nil {
				return nil, fmt.Errorf("-modes %q: must be among %s", name, strings.Join(modeNames(), ", "))
			}
			rounds = append(rounds, round{name, []string{name}, m.files})
		}
		return rounds, nil
	}
	for _, m := range modes {
		rounds = append(rounds, round{m.name, []string{m.name}, m.files})
	}
	return append(rounds, round{"all", modeNames(), filesOfAll}), nil
}
