// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Options choose a run. What is left at its zero value is drawn from the seed, by the profile, each choice from a
// source of its own: fixing one does not change the others.
type Options struct {
	Seed    uint64
	Profile string // "" is default
	// Nodes and Clients are how many there are; Calls is how many each client makes.
	Nodes, Clients, Calls int
	// Faults and Workloads are names out of Catalog; nil is drawn, and empty is none (of workloads: a client that
	// only reads).
	Faults, Workloads []string
	// Plan is what happens when; nil is drawn from the faults.
	Plan *Plan
	// For is how long, in simulated time, faults rage.
	For time.Duration
	// Bug is a defect to plant, one out of Catalog; "" is none.
	Bug string
	// Program, if not nil, takes the place of the workloads.
	Program *Program
	// Trace has the run collect a timeline.
	Trace bool
}

// Config is a run with every choice made. Every field follows from Options.
type Config struct {
	Seed      uint64
	Profile   string
	Nodes     int
	Clients   int
	Calls     int
	Workloads []string
	Faults    []string
	Plan      Plan
	For       time.Duration
	Bug       string
	Program   *Program
	Trace     bool

	// LeaseTTL and Heartbeat are the cluster's.
	LeaseTTL, Heartbeat time.Duration
	// Gather is how long the store gathers commits that share a version, Window how long its versions live.
	Gather, Window time.Duration
	// NetDelay and StoreDelay are typical times of a message and of an operation of the store. Tail is how many of a
	// thousand take much longer.
	NetDelay, StoreDelay time.Duration
	Tail                 int
	// Rate is of how many operations in a thousand a fault of single operations befalls one.
	Rate int
	// IdleTimeout is the actors'; Capacity and Mailbox are each node's limits, 0 for none.
	IdleTimeout       time.Duration
	Capacity, Mailbox int
	// MaxCalls bounds the calls on their way in each node, MaxBatch those that are committed together, 0 for the
	// default.
	MaxCalls, MaxBatch int
	// MaxRecords is how many answers an actor keeps for repeats, and MemoryLimit how many bytes a node's activations
	// may take, 0 for the default.
	MaxRecords  int
	MemoryLimit int64
	// StopAtOnce is whether the nodes are stopped together at the end, not one after the other.
	StopAtOnce bool
	// Placement is the strategy by which nodes are chosen.
	Placement string
	// Split is whether only some nodes host boxes.
	Split bool
	// Hasty is whether clients have deadlines shorter than a lease, while faults rage.
	Hasty bool
	// Early is whether clients make their calls in the first part of the run: what befalls actors later finds them
	// left to themselves.
	Early bool
	// Actors is over how many actors a workload spreads its calls.
	Actors int
}

// Profiles are the ways to draw a run, in the order of their listing.
var Profiles = []Entry{
	{"smoke", "a small cluster, a few seconds, few faults: a first look"},
	{"default", "everything, in a mix of each seed's own"},
	{"storm", "more nodes and clients, every fault at a high rate"},
	{"moves", "operators, deployments and rebalances move actors all the time, and nothing else happens: no call " +
		"may fail"},
	{"idle", "a cluster with nothing to do and no faults: what it costs to be idle"},
}

// Entry is a line of a catalogue.
type Entry struct {
	Name, Description string
}

// Limits of what may be asked for.
const (
	nodesMax   = 1000
	clientsMax = 1000
	callsMax   = 1_000_000
	forMax     = 24 * time.Hour
)

// farDelay is the typical time of a message between nodes of different regions.
const farDelay = 100 * time.Millisecond

// draw makes choices, each from a source of its own.
type draw struct {
	seed uint64
}

func (d draw) source(what string) *env.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "sim %d %s", d.seed, what))
	return env.NewRand(binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:]))
}

func pick[T any](d draw, what string, choices ...T) T {
	return choices[d.source(what).IntN(len(choices))]
}

// some returns a selection of the names, each with so many chances in a hundred, in their order.
func (d draw) some(what string, chances int, names []string) []string {
	out := []string{}
	for _, name := range names {
		if d.source(what+" "+name).IntN(100) < chances {
			out = append(out, name)
		}
	}
	return out
}

// Resolve makes every choice. Errors are CodeInvalidArgument.
func (o Options) Resolve() (Config, error) {
	if o.Profile == "" {
		o.Profile = "default"
	}
	if err := o.validate(); err != nil {
		return Config{}, err
	}
	d := draw{o.Seed}
	c := Config{
		Seed: o.Seed, Profile: o.Profile, Bug: o.Bug, Program: o.Program, Trace: o.Trace,
		LeaseTTL: pick(d, "lease", 1*time.Second, 2*time.Second, 5*time.Second),
		Gather:   pick(d, "gather", 0, 0, time.Millisecond, 5*time.Millisecond),
		Window:   5 * time.Second,
		NetDelay: pick(d, "net delay", 0, 200*time.Microsecond, time.Millisecond, 5*time.Millisecond),
		// A store without delay is one in which everything is atomic: it hides much, so it is rare.
		StoreDelay: pick(d, "store delay", 0, 500*time.Microsecond, 2*time.Millisecond, 2*time.Millisecond,
			10*time.Millisecond),
		Tail:        pick(d, "tail", 0, 5, 50),
		Rate:        pick(d, "rate", 3, 10, 40),
		IdleTimeout: pick(d, "idle timeout", 200*time.Millisecond, time.Second, time.Minute),
		Capacity:    pick(d, "capacity", 0, 0, 0, 8),
		Mailbox:     pick(d, "mailbox", 0, 0, 4),
		MaxCalls:    pick(d, "max calls", 0, 0, 0, 3),
		MaxBatch:    pick(d, "max batch", 0, 0, 0, 0, 1, 3),
		MaxRecords:  pick(d, "max records", 0, 0, 0, 1, 3),
		MemoryLimit: pick(d, "memory limit", int64(0), 0, 0, 0, 6000),
		StopAtOnce:  pick(d, "stop", false, true),
		Split:       pick(d, "split", false, false, false, true),
		Hasty:       pick(d, "hasty", false, false, false, false, false, true),
		Early:       pick(d, "early", false, false, false, true),
		Actors:      pick(d, "actors", 1, 2, 3, 8),
		Placement: pick(d, "placement", "least-loaded", "least-loaded", "random", "round-robin", "local-first",
			"rendezvous", "spread"),
	}
	c.Heartbeat = c.LeaseTTL / 5
	// Moves must have somewhere to go, and time for it: there, what is drawn otherwise would be to blame.
	moves := o.Profile == "moves"
	if pick(d, "far", false, false, false, false, false, false, false, true) && !moves {
		c.NetDelay = farDelay
	}
	c.Split = c.Split && !moves
	if c.Capacity > 0 { // or there would be no room for the last calls
		c.IdleTimeout = 200 * time.Millisecond
	}
	if o.Program != nil { // whose keys must be kept
		c.MaxRecords = 0
	}
	o.profile(d, &c)
	c.avoidJobs()
	o.override(&c)
	c.makeRoom()
	o.befit(d, &c)
	if o.Plan != nil {
		c.Plan = *o.Plan
	} else {
		c.Plan = drawPlan(d, &c)
	}
	if err := c.fits(); err != nil {
		return c, err
	}
	return c, c.Plan.validate(&c)
}

// profile makes the choices that differ from profile to profile.
func (o Options) profile(d draw, c *Config) {
	c.Faults = d.some("fault", pick(d, "faults", 15, 35, 60), drawnFaults())
	c.Workloads = d.some("workload", 40, drawnWorkloads())
	if len(c.Workloads) == 0 {
		c.Workloads = []string{pick(d, "workload", drawnWorkloads()...)}
	}
	c.Nodes = pick(d, "nodes", 2, 3, 3, 4, 5)
	c.Clients = pick(d, "clients", 3, 4, 6, 8)
	c.Calls = pick(d, "calls", 40, 80, 150)
	c.For = pick(d, "for", 10*time.Second, 20*time.Second, 30*time.Second)
	if alone := d.source("alone"); o.Profile == "default" && alone.IntN(aloneOneIn) == 0 {
		c.Workloads = []string{aloneWorkloads[alone.IntN(len(aloneWorkloads))]}
	}
	switch o.Profile {
	case "smoke":
		c.Nodes, c.Clients, c.Calls, c.For = 3, 3, 40, 8*time.Second
		c.Faults = d.some("fault", 10, drawnFaults())
	case "storm":
		c.Nodes, c.Clients, c.Calls, c.For = pick(d, "nodes", 5, 7, 9), 16, 200, time.Minute
		c.Faults, c.Rate = drawnFaults(), 40
		c.Workloads = drawnWorkloads()
	case "moves":
		c.Nodes, c.Faults = pick(d, "nodes", 3, 3, 4, 5), d.some("moving", 60, moving)
		c.Workloads = slices.DeleteFunc(c.Workloads, func(w string) bool {
			return w == "late" || w == "impatient" || w == "stuck"
		})
		c.Capacity, c.Mailbox, c.MaxCalls, c.MemoryLimit, c.Hasty = 0, 0, 0, 0, false
		if len(c.Faults) == 0 {
			c.Faults = []string{"migrate"}
		}
	case "idle":
		c.Nodes, c.Clients, c.Calls, c.For = 5, 0, 0, 10*time.Minute
		c.Faults, c.Workloads, c.StopAtOnce = []string{}, []string{}, true
		c.LeaseTTL, c.Heartbeat, c.NetDelay, c.StoreDelay, c.Tail = 5*time.Second, time.Second, time.Millisecond,
			2*time.Millisecond, 0
	}
}

// aloneOneIn is of how many runs one has a workload to itself that goes with no other.
const aloneOneIn = 12

// befit has a run with a workload that goes with no other befit it.
func (o Options) befit(d draw, c *Config) {
	if o.Faults != nil {
		return
	}
	if c.holds("stuck") { // a sender waits for longer than a handler may take by its own clock, and some by 5 seconds
		c.Faults = slices.DeleteFunc(c.Faults, func(f string) bool { return f == "drift" })
	}
	switch {
	case c.holds("restore"):
		c.Faults = append(c.Faults, "restore")
	case c.holds("poison"):
		c.Faults = slices.DeleteFunc(c.Faults, func(f string) bool { return !slices.Contains(poisonFaults, f) })
	}
}

// fits says what is wrong with a choice of workloads and faults.
func (c *Config) fits() error {
	for _, name := range aloneWorkloads {
		if c.holds(name) && len(c.Workloads) > 1 {
			return api.Errorf(api.CodeInvalidArgument, "--workloads %s: the workload %s goes with no other",
				strings.Join(c.Workloads, ","), name)
		}
	}
	planned := slices.ContainsFunc(c.Plan, func(e Event) bool { return e.Fault == "restore" })
	if (c.on("restore") || planned) && !c.holds("restore") {
		return api.Errorf(api.CodeInvalidArgument, "--faults restore: it goes with the workload restore alone: what "+
			"others check does not outlast a restore")
	}
	return nil
}

func (o Options) override(c *Config) {
	set(&c.Nodes, o.Nodes)
	set(&c.Clients, o.Clients)
	set(&c.Calls, o.Calls)
	set(&c.For, o.For)
	if b := bugNamed(o.Bug); b != nil && b.shows != nil {
		c.Workloads = b.shows
	}
	if o.Faults != nil {
		c.Faults = o.Faults
	}
	if o.Workloads != nil {
		c.Workloads = o.Workloads
	}
}

// avoidJobs leaves jobs out of a run whose limits are too tight for them, and that has something else to do.
func (c *Config) avoidJobs() {
	if c.Capacity == 0 && c.MemoryLimit == 0 && c.MaxRecords == 0 {
		return
	}
	others := slices.DeleteFunc(slices.Clone(c.Workloads), func(name string) bool {
		return workloadNamed(name).namespace == jobs
	})
	if len(others) > 0 {
		c.Workloads = others
	}
}

// makeRoom has no limits where actors wait for each other: those that wait make no room for those that they wait for,
// and a call that is refused for others may be for long. With few records, calls of a moment ago are refused as old
// ones. Nor has it any beside a harmful actor: what fails then fails because of that one.
func (c *Config) makeRoom() {
	if c.holds("poison") {
		c.Capacity, c.MemoryLimit, c.Mailbox, c.MaxCalls, c.Hasty = 0, 0, 0, 0, false
	}
	if !c.hasJobs() {
		return
	}
	c.Capacity, c.MemoryLimit, c.Mailbox, c.MaxCalls, c.MaxRecords = 0, 0, 0, 0, 0
}

// hasJobs reports whether jobs are part of the run.
func (c *Config) hasJobs() bool {
	return slices.ContainsFunc(c.Workloads, func(name string) bool { return workloadNamed(name).namespace == jobs })
}

func set[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

func (o Options) validate() error {
	bad := func(format string, args ...any) error { return api.Errorf(api.CodeInvalidArgument, format, args...) }
	switch {
	case !known(Profiles, o.Profile):
		return bad("--profile %q: there are %s", o.Profile, strings.Join(entryNames(Profiles), ", "))
	case o.Nodes < 0 || o.Nodes > nodesMax:
		return bad("--nodes %d: must be between 1 and %d", o.Nodes, nodesMax)
	case o.Clients < 0 || o.Clients > clientsMax:
		return bad("--clients %d: must be between 1 and %d", o.Clients, clientsMax)
	case o.Calls < 0 || o.Calls > callsMax:
		return bad("--calls %d: must be between 1 and %d", o.Calls, callsMax)
	case o.For < 0 || o.For > forMax:
		return bad("--duration %v: must be between 0s and %v of simulated time", o.For, forMax)
	case o.Bug != "" && bugNamed(o.Bug) == nil:
		return bad("--bug %q: kelpie sim ls lists the bugs there are", o.Bug)
	}
	for _, f := range o.Faults {
		if faultNamed(f) == nil {
			return bad("--faults: %q is none: kelpie sim ls lists the faults there are", f)
		}
	}
	for _, w := range o.Workloads {
		if workloadNamed(w) == nil {
			return bad("--workloads: %q is none: kelpie sim ls lists the workloads there are", w)
		}
	}
	return nil
}

func known(entries []Entry, name string) bool { return slices.Contains(entryNames(entries), name) }

func entryNames(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Name)
	}
	return out
}

// on reports whether a kind of fault is part of the run.
func (c *Config) on(fault string) bool { return slices.Contains(c.Faults, fault) }

// Flags returns the run as flags of `kelpie sim`, all choices but those that follow from the seed alone. A plan that
// was given is among them.
func (o Options) Flags() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "--seed %d", o.Seed)
	flag := func(name string, value any, given bool) {
		if given {
			fmt.Fprintf(b, " --%s %v", name, value)
		}
	}
	flag("profile", o.Profile, o.Profile != "" && o.Profile != "default")
	flag("nodes", o.Nodes, o.Nodes != 0)
	flag("clients", o.Clients, o.Clients != 0)
	flag("calls", o.Calls, o.Calls != 0)
	flag("duration", o.For, o.For != 0)
	flag("workloads", list(o.Workloads), o.Workloads != nil)
	flag("faults", list(o.Faults), o.Faults != nil)
	flag("bug", o.Bug, o.Bug != "")
	if o.Plan != nil {
		fmt.Fprintf(b, " --plan '%s'", o.Plan)
	}
	return b.String()
}

// None is how an empty list is written in a flag.
const None = "none"

func list(names []string) string {
	if len(names) == 0 {
		return None
	}
	return strings.Join(names, ",")
}

// Options returns the options that give this very run, with every choice that has a flag.
func (c *Config) Options() Options {
	return Options{
		Seed: c.Seed, Profile: c.Profile, Nodes: c.Nodes, Clients: c.Clients, Calls: c.Calls, For: c.For,
		Faults: c.Faults, Workloads: c.Workloads, Plan: &c.Plan, Bug: c.Bug, Program: c.Program,
	}
}
