// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/bench"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// The run of who says nothing: some load, soon over.
const (
	benchNamespaceDefault = "counter"
	benchActorsDefault    = 1000
	benchCallersDefault   = 16
	benchPayloadDefault   = 128
	benchDurationDefault  = 10 * time.Second
	benchWarmUpDefault    = time.Second
)

// benchFlags are the flags of the command bench.
type benchFlags struct {
	connection
	output
	config       bench.Config
	mix          string
	payloadBytes int
	stale, local bool
	store        string
}

func (f *benchFlags) register(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.config
	f.connection.register(flags)
	f.output.register(cmd)
	flags.Lookup("timeout").Usage = "how long to wait for the answer of each call [$" + timeoutVariable + "]"
	flags.BoolVar(&f.local, "local", false, "start a node in this process and call it, without a network "+
		"(default false)")
	flags.StringVar(&f.store, "store", "pebble:", "store of --local: memory:, pebble: in the directory for "+
		"temporary files, or pebble:DIR in a new directory inside DIR")
	flags.StringVar(&c.Namespace, "namespace", benchNamespaceDefault, "kind of actors to call: "+
		strings.Join(benchNamespaces(), ", "))
	flags.StringVar(&f.mix, "mix", "", "methods to call, with their relative frequency, "+
		"METHOD=WEIGHT[,METHOD=WEIGHT...] (default add=80,get=20 for counter, put=50,get=50 for kv, echo=1 for "+
		"echo)")
	flags.IntVar(&f.payloadBytes, "payload", benchPayloadDefault, "size of the values that put and echo send, in "+
		"bytes")
	flags.IntVar(&c.Actors, "actors", benchActorsDefault, "number of actors to call, all equally often")
	flags.IntVar(&c.Callers, "callers", benchCallersDefault, "number of calls in flight")
	flags.DurationVar(&c.Duration, "duration", 0, "how long to measure (default 10s, or with --calls no limit)")
	flags.IntVar(&c.Calls, "calls", 0, "number of calls to measure (default as many as fit into the duration)")
	flags.DurationVar(&c.WarmUp, "warm-up", 0, "how long to make calls before measuring (default 1s, or with "+
		"--calls none)")
	flags.Var(rateValue{&c.Rate, "calls"}, "rate", "calls to start per second, by all callers together, as in "+
		"500/s (default each caller waits for its answer)")
	flags.BoolVar(&f.stale, "stale", false, "answer reads from memory, without asking the store (default false)")
	must(cmd.RegisterFlagCompletionFunc("namespace",
		cobra.FixedCompletions(benchNamespaces(), cobra.ShellCompDirectiveNoFileComp)))
}

// exclude refuses flags that have no meaning together, and settles how long the run is. It looks at the command line
// alone, before variables are read.
func (f *benchFlags) exclude(flags *pflag.FlagSet) error {
	switch {
	case f.local && flags.Changed("addr"):
		return api.Errorf(api.CodeInvalidArgument, "--local starts its own node and --addr names a running one; "+
			"pass only one of them")
	case !f.local && flags.Changed("store"):
		return api.Errorf(api.CodeInvalidArgument, "--store is for --local; a running node already has a store")
	case flags.Changed("calls") && f.config.Calls < 1:
		return api.Errorf(api.CodeInvalidArgument, "--calls %d: must be at least 1", f.config.Calls)
	case flags.Changed("duration") && f.config.Duration <= 0:
		return api.Errorf(api.CodeInvalidArgument, "--duration %v: must be positive", f.config.Duration)
	}
	if !flags.Changed("calls") {
		f.config.Duration = cmp.Or(f.config.Duration, benchDurationDefault)
		if !flags.Changed("warm-up") {
			f.config.WarmUp = benchWarmUpDefault
		}
	}
	return nil
}

// validate checks the flags, and makes the requests. Errors are CodeInvalidArgument.
func (f *benchFlags) validate(flags *pflag.FlagSet) (err error) {
	if err := f.connection.validate(); err != nil {
		return err
	}
	if err := host.CheckLocalStore(f.store); err != nil {
		return err
	}
	if f.config.Mix, err = mixOf(f.config.Namespace, f.mix, f.payloadBytes, flags.Changed("payload")); err != nil {
		return err
	}
	f.config.Timeout = f.timeout
	return f.config.Validate()
}

// target is what the rows call the target.
func (f *benchFlags) target() string {
	if f.local {
		return "local " + f.store
	}
	return strings.Join(f.addrs, ",")
}

// rateValue is a flag of calls, or of something else, per second: a number, with or without "/s" behind it.
type rateValue struct {
	n    *int
	what string
}

// String, Set and Type implement pflag.Value.
func (r rateValue) String() string {
	if r.n == nil || *r.n == 0 {
		return ""
	}
	return strconv.Itoa(*r.n) + "/s"
}

func (r rateValue) Set(s string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "/s"))
	if err != nil || n < 1 || n > bench.RateMax {
		return errors.New("must be a whole number of " + r.what + " per second from 1 to " +
			strconv.Itoa(bench.RateMax) + ", such as 500/s")
	}
	*r.n = n
	return nil
}

func (rateValue) Type() string { return "rate" }
