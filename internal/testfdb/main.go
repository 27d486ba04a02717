// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// The servers die with the thread that started them, where the system can do that: it must be one that lives as long
// as the process.
func init() { runtime.LockOSThread() }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv))
}

// options are the flags.
type options struct {
	chaos, measure time.Duration
	only           *regexp.Regexp
}

func parse(args []string, stderr io.Writer) (options, error) {
	flags := flag.NewFlagSet("testfdb", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o options
	var only string
	flags.DurationVar(&o.chaos, "chaos", 30*time.Second, "how long there is chaos, on each cluster")
	flags.DurationVar(&o.measure, "measure", 2*time.Second, "how long each figure is measured")
	flags.StringVar(&only, "only", "", "regular expression of the steps to run; all without it")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	return o, nil
}

// run returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	o, err := parse(args, stderr)
	if err == nil {
		err = test(ctx, o, stdout, stderr, getenv)
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// test runs all steps on all clusters, and returns which have failed.
func test(ctx context.Context, o options, stdout, stderr io.Writer, getenv func(string) string) error {
	t, err := findTools(getenv)
	if err != nil {
		return err
	}
	versions, err := t.versions(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "== %s; %s on %d processors of %s\n", versions, runtime.Version(), runtime.NumCPU(),
		runtime.GOARCH)
	var failed []string
	for _, s := range shapes {
		names, err := testShape(ctx, o, t, s, stdout, stderr)
		failed = append(failed, names...)
		if ctx.Err() != nil {
			return cmp.Or(err, context.Cause(ctx))
		}
		if err != nil { // of this cluster: the next may do better
			fmt.Fprintln(stdout, "==", err)
			failed = append(failed, s.name+" as a whole")
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d steps failed: %s", len(failed), strings.Join(failed, "; "))
	}
	fmt.Fprintln(stdout, "all steps passed")
	return nil
}

// testShape runs the steps on a cluster of a shape, and returns the names of those that failed.
func testShape(ctx context.Context, o options, t tools, s shape, stdout, stderr io.Writer) (failed []string,
	err error) {
	dir, err := os.MkdirTemp("", "kelpie-testfdb")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(stdout, "== %s: starting, in %s\n", s.name, dir)
	c, err := start(ctx, t, s, dir, stdout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	defer c.stop()
	for _, step := range steps(o, s, c.file, dir) {
		name := s.name + ": " + step.name
		if !o.only.MatchString(name) {
			continue
		}
		if err := c.clear(ctx); err != nil {
			c.explain(stdout)
			return failed, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stdout, "== %s\n", name)
		began := time.Now()
		err := c.run(ctx, step, stdout, stderr)
		if ctx.Err() != nil {
			return failed, fmt.Errorf("%s: interrupted", name)
		}
		fmt.Fprintf(stdout, "== %s: %s in %v\n", name, verdict(err), time.Since(began).Round(time.Second))
		if err != nil {
			failed = append(failed, name)
			c.explain(stdout)
		}
	}
	return failed, nil
}

func verdict(err error) string {
	if err != nil {
		return fmt.Sprintf("FAILED (%v)", err)
	}
	return "passed"
}
