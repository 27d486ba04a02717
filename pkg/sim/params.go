// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// param is one argument of a planned fault.
type param interface {
	draw(r *env.Rand, c *Config) string
	check(arg string) error
	what() string // for people
}

// host is any machine but one: a node, a client, or the store.
type host struct{}

// nodeName is a node of the run.
type nodeName struct{}

// actorName is an actor that the workloads call.
type actorName struct{}

// length is a time between two others, drawn so that short ones are as likely as long ones.
type length struct{ min, max time.Duration }

// oneOf is a word.
type oneOf []string

// ppm is a drift of a clock, in parts per million.
type ppm struct{ max int }

func nodeID(i int) string   { return fmt.Sprintf("n%d", i+1) }
func clientID(i int) string { return fmt.Sprintf("c%d", i+1) }

// storeHost is the machine that the store runs on.
const storeHost = "store"

func (nodeName) draw(r *env.Rand, c *Config) string { return nodeID(r.IntN(c.Nodes)) }

func (nodeName) check(arg string) error { return checkNumbered(arg, "n", "a node") }

func (host) draw(r *env.Rand, c *Config) string {
	switch i := r.IntN(10); {
	case i < 5:
		return nodeName{}.draw(r, c)
	case i < 7 && c.Clients > 0:
		return clientID(r.IntN(c.Clients))
	}
	return storeHost
}

func (host) check(arg string) error {
	if arg == storeHost || checkNumbered(arg, "n", "") == nil || checkNumbered(arg, "c", "") == nil {
		return nil
	}
	return fmt.Errorf("%q is no host, such as n1, c1 or %s", arg, storeHost)
}

func checkNumbered(arg, letter, what string) error {
	if _, ok := numbered(arg, letter); !ok {
		return fmt.Errorf("%q is not %s, such as %s1 or %s2", arg, what, letter, letter)
	}
	return nil
}

// numbered returns the number of a machine that is named by a letter and a number from 1 on.
func numbered(name, letter string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, letter)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0
}

func (actorName) draw(r *env.Rand, c *Config) string {
	if c.Program != nil {
		return c.programActor(r)
	}
	if len(c.Workloads) == 0 {
		return "counter/0"
	}
	w := workloadNamed(c.Workloads[r.IntN(len(c.Workloads))])
	return w.namespace + "/" + strconv.Itoa(r.IntN(w.actors(c)))
}

func (actorName) check(arg string) error { _, err := parseActor(arg); return err }

func (l length) draw(r *env.Rand, _ *Config) string {
	d := l.min
	for d*2 < l.max && r.IntN(2) == 0 {
		d *= 2
	}
	return (d + r.Jitter(d)).Round(time.Millisecond).String()
}

func (l length) check(arg string) error {
	if d, err := time.ParseDuration(arg); err != nil || d < 0 || d > time.Hour {
		return fmt.Errorf("%q is no length of time between 0s and 1h", arg)
	}
	return nil
}

func (o oneOf) draw(r *env.Rand, _ *Config) string { return o[r.IntN(len(o))] }

func (o oneOf) check(arg string) error {
	if !slices.Contains(o, arg) {
		return fmt.Errorf("%q is none of %v", arg, []string(o))
	}
	return nil
}

func (p ppm) draw(r *env.Rand, _ *Config) string {
	return strconv.Itoa(r.IntN(2*p.max+1) - p.max)
}

func (p ppm) check(arg string) error {
	if n, err := strconv.Atoi(arg); err != nil || n < -p.max || n > p.max {
		return fmt.Errorf("%q is no drift between %d and %d parts per million", arg, -p.max, p.max)
	}
	return nil
}

func (nodeName) what() string  { return "a node" }
func (host) what() string      { return "a host" }
func (actorName) what() string { return "an actor" }
func (length) what() string    { return "a length of time" }
func (o oneOf) what() string   { return "one of " + strings.Join(o, ", ") }
func (p ppm) what() string     { return "parts per million" }

func drawArgs(r *env.Rand, c *Config, params []param) []string {
	args := make([]string, len(params))
	for i, p := range params {
		args[i] = p.draw(r, c)
		_, isHost := p.(host)
		for tries := 0; isHost && i > 0 && args[i] == args[i-1] && tries < 10; tries++ { // two that differ
			args[i] = p.draw(r, c)
		}
	}
	return args
}

// wanted says what a fault befalls, for people.
func wanted(params []param) string {
	words := make([]string, len(params))
	for i, p := range params {
		words[i] = p.what()
	}
	return strings.Join(words, " and ")
}

func checkArgs(params []param, args []string) error {
	if len(args) != len(params) {
		return fmt.Errorf("it wants %s after the fault's name", wanted(params))
	}
	for i, p := range params {
		if err := p.check(args[i]); err != nil {
			return err
		}
	}
	return nil
}

// programActor draws one of the first actors of a program, if they are called 0, 1 ...
func (c *Config) programActor(r *env.Rand) string {
	kinds := c.Program.Kinds()
	return kinds[r.IntN(len(kinds))].Spec().Namespace + "/" + strconv.Itoa(r.IntN(3))
}
