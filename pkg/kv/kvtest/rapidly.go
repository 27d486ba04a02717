// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// rapidFlags are the flags of package rapid as the suite sets them, where the command line does not: few enough
// checks for slow stores, and always the same.
var rapidFlags = map[string]string{
	"rapid.checks":     "400",
	"rapid.steps":      "50",
	"rapid.seed":       "1",
	"rapid.nofailfile": "true",
}

// checkRapidly has package rapid look for a failure of f, and shrink what it finds. The function f says by fail how
// it fails. Rapid is told only that it does: it takes a failure for the same if its words are, and versionstamps are
// never the same.
func (w *world) checkRapidly(f func(t *rapid.T, fail func(how string))) {
	defer setFlags(rapidFlags)()
	reporter := &rapidReporter{TB: w.TB}
	var killed any
	var failure string // of the last run, which is that of the fewest steps
	reporter.run(func() {
		rapid.Check(reporter, func(t *rapid.T) {
			if killed != nil {
				return // the world has ended while rapid, which takes any panic for a failure, goes on
			}
			defer func() {
				if r := recover(); r != nil {
					if env.Killed(r) {
						killed = r
					}
					panic(r)
				}
			}()
			f(t, func(how string) {
				failure = how
				t.Fatalf("there is a failure")
			})
		})
	})
	if killed != nil {
		panic(killed)
	}
	if reporter.failure != "" {
		w.Fatalf("%s\n%s", failure, reporter.failure)
	}
}

// setFlags sets those flags that the command line has not, and returns what puts them back.
func setFlags(values map[string]string) (restore func()) {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	before := map[string]string{}
	for name, value := range values {
		if !given[name] {
			before[name] = mustSet(name, value)
		}
	}
	return func() {
		for name, value := range before {
			mustSet(name, value)
		}
	}
}

func mustSet(name, value string) (before string) {
	f := flag.Lookup(name)
	before = f.Value.String()
	if err := f.Value.Set(value); err != nil {
		panic(fmt.Sprintf("kvtest: flag %s: %v", name, err))
	}
	return before
}

// rapidReporter is what rapid reports to: it keeps the failure, and leaves out what was drawn, which the failure says
// in fewer words.
type rapidReporter struct {
	rapid.TB
	failure string
}

// errReported ends a check that has failed.
var errReported = errors.New("kvtest: the check has failed")

func (r *rapidReporter) run(check func()) {
	defer func() {
		if p := recover(); p != nil && p != errReported {
			panic(p)
		}
	}()
	check()
}

func (r *rapidReporter) Errorf(format string, args ...any) {
	r.failure = strings.TrimSuffix(fmt.Sprintf(format, args...), "\nFailed test output:")
}

func (r *rapidReporter) Logf(string, ...any) {}
func (r *rapidReporter) Log(...any)          {}
func (r *rapidReporter) Failed() bool        { return r.failure != "" }
func (r *rapidReporter) FailNow()            { panic(errReported) }
