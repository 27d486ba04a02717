// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// Code of an actor can end the process that runs it. Nobody sees that happen, so what was running must be written
// down before. Doing so for every call would double its cost; it is done for suspects alone. An actor is a suspect
// while it has an activation whose claim was taken from a node that failed. Before code of a suspect runs, its claim
// commits a mark that says so; the commit of what the code has done clears the mark. Who takes the claim of a failed
// node, and finds the mark, has found what was running when the process ended.
//
// A mark is written and cleared under its claim alone, with claim and seq read (R1): an older one can't land after a
// newer claim. A finding is made by who takes the claim, in the same transaction. The key of the mark names the
// node's incarnation, so that marks of one death are found together; it stays after a finding, as it tells others
// that they were not alone.

// TrialAnything is the method of a mark that was stored before it was known which method is to run: that of an
// alarm, or none.
const TrialAnything = "activation"

// trialsLookedAt is how many marks of one incarnation are read to see whether there are others.
const trialsLookedAt = 3

func trialKey(node string, inc Incarnation, a api.ActorID) []byte {
	return tuple.Pack(Prefix, kindTrial, node, inc.String(), a.Namespace, a.ID)
}

func quarantineKey(a api.ActorID) []byte {
	return tuple.Pack(Prefix, kindQuarantine, a.Namespace, a.ID)
}

// trialRecord is a mark: code of a suspect runs.
type trialRecord struct {
	Method string `msgpack:"method"`
	// Token is that of the claim that it runs under.
	Token uint64 `msgpack:"token"`
	// Retry says that an earlier try of the call was lost with its node.
	Retry bool `msgpack:"retry"`
	// Alone says that nothing else was on trial on the node meanwhile.
	Alone bool `msgpack:"alone"`
}

// Finding is a process that has ended while code of an actor was on trial in it.
type Finding struct {
	Node        string      `msgpack:"node"`
	Incarnation Incarnation `msgpack:"incarnation"`
	Method      string      `msgpack:"method"`
	Retry       bool        `msgpack:"retry"`
	// Alone says that nothing else was on trial there.
	Alone bool `msgpack:"alone"`
	// Found is when, by the clock of the node that has found it.
	Found time.Time `msgpack:"found"`
}

func (f *Finding) of(node string, inc Incarnation) bool {
	return f.Node == node && f.Incarnation == inc
}

func (f *Finding) what() string {
	if f.Method == TrialAnything {
		return "its activation, or the first call"
	}
	return "method " + f.Method
}

// Quarantine is what is held against an actor. Nodes refuse one that is quarantined.
type Quarantine struct {
	Actor    api.ActorID `msgpack:"-"`
	Findings []Finding   `msgpack:"findings"`
	// Versions are those of the programs that refuse the actor; none if it is only suspected. The last node of a
	// cluster may refuse that, too.
	Versions []string `msgpack:"versions"`
	// Since is when it was quarantined last.
	Since time.Time `msgpack:"since"`
	// Damaged says why the record can't be read, if that is so. The actor can't be claimed then.
	Damaged string `msgpack:"-"`
}

// check implements checked.
func (q *Quarantine) check() error {
	if len(q.Versions) > 0 && len(q.Findings) == 0 {
		return errors.New("it has versions and no findings")
	}
	return nil
}

// Holds reports whether programs of a version refuse the actor.
func (q *Quarantine) Holds(version string) bool {
	return q != nil && slices.Contains(q.Versions, version)
}

// Refused reports whether there are nodes that refuse the actor: those of some versions, or the last of a cluster. All
// do if the record is damaged.
func (q *Quarantine) Refused() bool { return len(q.Versions) > 0 || q.risky() || q.Damaged != "" }

// Err is what callers of the actor are told.
func (q *Quarantine) Err() *api.Error {
	last := q.Findings[len(q.Findings)-1]
	if len(q.Versions) == 0 {
		return api.Errorf(api.CodeQuarantined, "actor %s is held back while only one node is up: the process of node "+
			"%s ended while it ran %s; start another node, or run 'kelpie actors quarantine clear %s'",
			q.Actor, last.Node, last.what(), q.Actor)
	}
	return api.Errorf(api.CodeQuarantined, "actor %s is quarantined: it ended the process of node %s while it "+
		"ran %s; fix it and start the nodes with a new version of their program, or run 'kelpie actors "+
		"quarantine clear %s'",
		q.Actor, last.Node, last.what(), q.Actor)
}

// guilty reports whether the findings suffice to refuse the actor, the last being new: nothing else was on trial in
// that process, and another had ended before while the actor was on trial. One finding never suffices: a process may
// be killed from outside while a call runs that another killed process has left behind.
func (q *Quarantine) guilty() bool {
	return len(q.Findings) > 1 && q.Findings[len(q.Findings)-1].Alone
}

// risky reports whether the only finding is one of which nothing else on trial can be the cause. It comes after a
// process that ended unobserved.
func (q *Quarantine) risky() bool { return len(q.Findings) == 1 && q.Findings[0].Alone }

// Attempt is what an actor is claimed for.
type Attempt struct {
	// Method is the one that is to run first, "" if that is not known.
	Method string
	// Retry says that the answer to an earlier try of that call was lost.
	Retry bool
	// Mark permits Acquire to store the mark of a suspect's trial together with the claim. Otherwise BeginTrial must
	// be called before anything of the actor's runs.
	Mark bool
}

// Trial is how far a suspect is with proving that it is none. It belongs to its claim.
type Trial struct {
	actor api.ActorID
	// mark is the one that is stored, as far as is known; nil is none.
	mark *trialRecord
	// findings are against the actor, from before.
	findings []Finding
	// returned are methods that have returned since the last commit, passed those of which that is committed.
	returned []string
	passed   map[string]bool
}

// Marked reports whether a mark is stored.
func (t *Trial) Marked() bool { return t != nil && t.mark != nil }

// Due reports whether a method must be on trial when it runs: it has not passed one under this claim, or has been
// found running when a process ended, or its call has had an earlier try.
func (t *Trial) Due(method string, retry bool) bool {
	return t != nil && (retry || !t.passed[method] || t.struck(method))
}

// Begun reports whether the mark that is stored is of such a trial already. What runs first after an activation may
// go under the mark of that.
func (t *Trial) Begun(method string, retry bool) bool {
	if !t.Marked() || retry && !t.mark.Retry {
		return false
	}
	return t.mark.Method == method || t.mark.Method == TrialAnything && !t.Suspected()
}

// Suspected reports whether anything was found against the actor: then nothing else should be on trial on the node
// meanwhile.
func (t *Trial) Suspected() bool { return t != nil && len(t.findings) > 0 }

func (t *Trial) struck(method string) bool {
	return slices.ContainsFunc(t.findings, func(f Finding) bool { return f.Method == method })
}

// Returned notes that a method has returned while it was on trial, or TrialAnything. The next commit makes that
// known.
func (t *Trial) Returned(method string) {
	if t.Marked() {
		t.returned = append(t.returned, method)
	}
}

// committed notes that the mark is cleared.
func (t *Trial) committed() {
	if t.passed == nil {
		t.passed = make(map[string]bool)
	}
	for _, m := range t.returned {
		t.passed[m] = true
	}
	t.findings, t.returned, t.mark = slices.DeleteFunc(slices.Clone(t.findings), t.refuted), nil, nil
}

// refuted reports whether what has returned refutes a finding.
func (t *Trial) refuted(f Finding) bool {
	return slices.Contains(t.returned, f.Method)
}

// Trial returns that of a claim that was taken from a node that failed, nil for others.
func (c *Claim) Trial() *Trial { return c.trial }

// BeginTrial makes durable that a method is about to run. alone says that nothing else is on trial on the node until
// the next commit. Errors are as Commit's. The next Commit, Release or HandOver ends the trial.
func (c *Claim) BeginTrial(ctx context.Context, method string, retry, alone bool) error {
	mark := &trialRecord{Method: cmp.Or(method, TrialAnything), Token: c.token, Retry: retry, Alone: alone}
	key := trialKey(c.node, c.incarnation, c.actor)
	err := c.commit(ctx, []Write{{Key: key, Value: encodeRecord(mark), elsewhere: true}})
	if err == nil {
		c.trial.mark = mark
	}
	return err
}

// endTrial are the writes that clear the claim's mark, and what has been refuted.
func (c *Claim) endTrial() []Write {
	t := c.trial
	if !t.Marked() {
		return nil
	}
	out := []Write{{Key: trialKey(c.node, c.incarnation, c.actor), elsewhere: true}}
	var left []Finding
	for _, f := range t.findings {
		if t.refuted(f) {
			out = append(out, Write{Key: trialKey(f.Node, f.Incarnation, c.actor), elsewhere: true})
		} else {
			left = append(left, f)
		}
	}
	switch {
	case len(left) == len(t.findings):
		return out
	case len(left) == 0:
		return append(out, Write{Key: quarantineKey(c.actor), elsewhere: true})
	}
	rest := encodeRecord(&Quarantine{Findings: left})
	return append(out, Write{Key: quarantineKey(c.actor), Value: rest, elsewhere: true})
}

// try sets a new claim's trial up, in the transaction that takes it. from is the claim before, under an incarnation
// that is no longer current, or zero; left is the incarnation in which its node last left in good order. q is what
// is held against the actor. If that now says that the actor is to be refused, nothing is to be claimed. found says
// that something was added to it.
func (c *Claim) try(
	ctx context.Context, tx kv.Tx, from claimRecord, left Incarnation, q *Quarantine, version string, a Attempt,
) (refused, found bool, err error) {
	if lost := from.Node != "" && from.Incarnation != c.incarnation; lost && from.Incarnation != left {
		c.trial = &Trial{actor: c.actor}
		if found, err = c.find(ctx, tx, from, q); err != nil {
			return false, false, err
		}
	}
	mine := from.Node == c.node && from.Incarnation == c.incarnation
	if mine && from.Suspect || len(q.Findings) > 0 {
		c.trial = &Trial{actor: c.actor}
	}
	if found {
		if q.guilty() {
			q.Since = c.registry.env.Now().Round(0)
			if q.Versions = append(q.Versions, version); len(q.Versions) > quarantineVersionsMax {
				q.Versions = q.Versions[1:]
			}
		}
		tx.Set(quarantineKey(c.actor), encodeRecord(q))
		if q.Holds(version) {
			return true, found, nil
		}
	}
	if q.risky() {
		if last, err := c.onLastNode(ctx, tx); err != nil || last {
			return last, found, err
		}
	}
	key := trialKey(c.node, c.incarnation, c.actor)
	if mine {
		tx.Clear(key) // of an activation that was dropped: the process lives
	}
	if c.trial == nil {
		return false, found, nil
	}
	c.trial.findings = q.Findings
	if a.Mark && !c.trial.Suspected() {
		c.trial.mark = &trialRecord{Method: cmp.Or(a.Method, TrialAnything), Token: c.token, Retry: a.Retry}
		tx.Set(key, encodeRecord(c.trial.mark))
	}
	return false, found, nil
}

// onLastNode reports whether the claim's node is the only one left of several: the others have failed.
func (c *Claim) onLastNode(ctx context.Context, tx kv.Tx) (bool, error) {
	nodes, err := scanRecords(ctx, tx.Snapshot(), kindNode, corruptNode)
	if err != nil {
		return false, err
	}
	failed := false
	for i := range nodes {
		switch n := &nodes[i]; {
		case n.ID == c.node:
		case n.Member():
			return false, nil
		case n.State == NodeFailed:
			failed = true
		}
	}
	return failed, nil
}

// find adds what was on trial under a claim of a process that has ended, and reports whether it has.
func (c *Claim) find(ctx context.Context, tx kv.Tx, from claimRecord, q *Quarantine) (bool, error) {
	if slices.ContainsFunc(q.Findings, func(f Finding) bool { return f.of(from.Node, from.Incarnation) }) {
		return false, nil // found before: by who was then refused the actor
	}
	var mark trialRecord
	key := trialKey(from.Node, from.Incarnation, c.actor)
	if err := read(ctx, tx, key, &mark); err != nil || mark.Token == 0 || mark.Token != from.Token {
		return false, err
	}
	begin, end := kindRange(kindTrial, from.Node, from.Incarnation.String())
	marks, _, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: trialsLookedAt})
	if err != nil {
		return false, err
	}
	q.Findings = append(q.Findings, Finding{
		Node: from.Node, Incarnation: from.Incarnation, Method: mark.Method, Retry: mark.Retry,
		Alone: mark.Alone || len(marks) == 1, Found: c.registry.env.Now().Round(0),
	})
	if len(q.Findings) > findingsMax {
		q.Findings = q.Findings[1:]
	}
	return true, nil
}

// Acquit takes back what is held against an actor for a process that has not ended: it is the one that says so. It
// reports whether that was anything.
func (r *Registry) Acquit(ctx context.Context, actor api.ActorID, node string, inc Incarnation) (bool, error) {
	changed := false
	_, err := transact(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		var q Quarantine
		if err := read(ctx, tx, quarantineKey(actor), &q); err != nil {
			return struct{}{}, err
		}
		tx.Clear(trialKey(node, inc, actor))
		left := slices.DeleteFunc(slices.Clone(q.Findings), func(f Finding) bool { return f.of(node, inc) })
		switch {
		case len(left) == len(q.Findings):
			return struct{}{}, nil
		case len(left) == 0:
			tx.Clear(quarantineKey(actor))
		default:
			tx.Set(quarantineKey(actor), encodeRecord(&Quarantine{Findings: left}))
		}
		changed = true
		return struct{}{}, nil
	})
	return changed && err == nil, err
}

// ClearQuarantine takes back all that is held against an actor, and reports whether that was anything: also if the
// actor is only suspected.
func (r *Registry) ClearQuarantine(ctx context.Context, actor api.ActorID) (bool, error) {
	was := false
	_, err := transact(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		var q Quarantine
		err := read(ctx, tx, quarantineKey(actor), &q)
		if damaged(err) {
			err, q.Findings = nil, nil
		} else if err != nil || len(q.Findings) == 0 {
			return struct{}{}, err // an attempt before, of unknown outcome, may have cleared it
		}
		was = true
		tx.Clear(quarantineKey(actor))
		for _, f := range q.Findings {
			tx.Clear(trialKey(f.Node, f.Incarnation, actor))
		}
		return struct{}{}, nil
	})
	return was, err
}

// Quarantine returns what is held against an actor, nil if nothing.
func (r *Registry) Quarantine(ctx context.Context, actor api.ActorID) (*Quarantine, error) {
	return run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (*Quarantine, error) {
		q := &Quarantine{Actor: actor}
		if err := read(ctx, tx.Snapshot(), quarantineKey(actor), q); err != nil || len(q.Findings) == 0 {
			return nil, err
		}
		return q, nil
	})
}

// Quarantines returns one page of what is held against actors, in order of actor: of one namespace, if that is not
// "". It begins behind the given actor (zero: at the beginning) and reads up to limit, at most 1,000. more says that
// there may be others behind the last one.
func (r *Registry) Quarantines(
	ctx context.Context, namespace string, after api.ActorID, limit int,
) (all []Quarantine, more bool, err error) {
	if limit <= 0 || limit > pageRows {
		limit = pageRows
	}
	var of []any
	if namespace != "" {
		of = append(of, namespace)
	}
	begin, end := kindRange(kindQuarantine, of...)
	if after != (api.ActorID{}) {
		begin = kv.KeyAfter(quarantineKey(after))
	}
	_, err = run(ctx, r, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
		var pairs []kv.KeyValue
		pairs, more, err = tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: limit})
		all = make([]Quarantine, 0, len(pairs))
		for _, p := range pairs {
			q, err := decodeQuarantine(p)
			if damaged(err) {
				q = Quarantine{Actor: q.Actor, Damaged: err.Error()}
			} else if err != nil {
				return struct{}{}, err
			}
			if q.Actor != (api.ActorID{}) { // the check of the store tells of a key that is none
				all = append(all, q)
			}
		}
		return struct{}{}, err
	})
	return all, more, err
}

func decodeQuarantine(p kv.KeyValue) (q Quarantine, err error) {
	t, err := tuple.Unpack(p.Key)
	if err == nil && len(t) == 4 {
		if actor, ok := actorOf(t); ok {
			q.Actor = actor
			return q, decodeRecord(p.Key, p.Value, &q)
		}
	}
	return q, api.Errorf(api.CodeCorruptState, "store: %x is not the key of a quarantine", p.Key)
}
