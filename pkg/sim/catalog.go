// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

// Item is a row of the catalogue: something that has a name.
type Item struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Checkers are what may be found broken, in the order of their listing.
var Checkers = []Entry{
	{"single-activation", "only the owner of an actor commits its state, no node takes an actor whose owner has a " +
		"valid lease, and every commit follows the one before"},
	{"tokens", "the fencing token of an actor grows with every claim, and only the owner releases"},
	{"membership", "epochs never fall, and no two processes have the same incarnation"},
	{"fencing", "no node is fenced that could reach the store all the time"},
	{"linearizable", "some order of the calls of each actor explains every answer"},
	{"lists", "nothing that was appended is lost, appears twice, or changes its place"},
	{"sessions",
		"the answers of volatile actors show one activation after the other, each counting every visit once"},
	{"due", "messages and alarms happen once and in order, and none is lost"},
	{"once", "every job, by a call, a message or an alarm, is done once or not at all, as its caller was told; what " +
		"fails for good becomes a dead letter; and a job that calls others builds on what is committed"},
	{"initialised", "no handler runs on a state that OnActivate has not seen"},
	{"refusals", "no call that has never run is refused for good, unless it is an old one"},
	{"restored", "a check finds nothing wrong in a restored store, and a repeated call whose answer is in the backup " +
		"gets that answer"},
	{"quarantine", "an actor whose code ends its process ends three at most; then all nodes refuse it until an " +
		"operator clears it, and refuse no other actor"},
	{"answers", "a node that can't reach the store says so, and does not hold calls"},
	{"exits", "no process ends by itself, unless another one has its name"},
	{"deadlines", "no handler starts for a call whose deadline has passed, or that its caller has given up"},
	{"conservation", "transfers between accounts neither make nor lose money"},
	{"store", "the store is serializable, answers what was committed, and shows a transaction its own writes"},
	{"durable", "the store opens again after a restart"},
	{"listings", "the list of actors agrees with the claims"},
	{"mailboxes", "mailboxes and capacities keep to their bounds"},
	{"liveness", "once faults have stopped, everything starts and answers within a bound"},
	{"leaks", "a node that is stopped ends, with all its tasks"},
	{"moves", "no call fails when actors move and nothing else happens"},
	{"errors", "callers get only the errors that they must expect"},
	{"program", "what your own program checks"},
	{"panic", "nothing panics"},
}

// Bug is a defect that can be planted, with the checkers that ought to find it.
type Bug struct {
	Entry
	Checkers []string
}

// Bugs returns the defects that can be planted.
func Bugs() []Bug {
	out := make([]Bug, len(bugs))
	for i, b := range bugs {
		out[i] = Bug{Entry: b.Entry, Checkers: b.checkers}
	}
	return out
}

// Catalog lists all that can be named in Options, and the checkers.
func Catalog() []Item {
	var out []Item
	add := func(kind string, e Entry) { out = append(out, Item{kind, e.Name, e.Description}) }
	for _, f := range faultKinds {
		add("fault", f.Entry)
	}
	for _, w := range workloads {
		add("workload", w.Entry)
	}
	for _, c := range Checkers {
		add("checker", c)
	}
	for _, p := range Profiles {
		add("profile", p)
	}
	for _, b := range bugs {
		add("bug", b.Entry)
	}
	return out
}
