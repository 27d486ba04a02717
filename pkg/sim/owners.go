// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

// owners follows, commit by commit, who owns what and under which lease, and checks the rules of ownership.
type owners struct {
	w      *world
	claims map[api.ActorID]claimRecord
	fences map[string]fenceRecord
	seqs   map[api.ActorID]seqRecord
	// past is the newest claim and the last commit that there were of each actor before the last restore.
	past   map[api.ActorID]former
	joined map[incarnation]*life // who drew an incarnation
	named  map[string]*life      // who joined last under a name
	// unwritten holds those who have begun to activate an actor and have not written a claim since, with the version
	// at which they read it. It is kept as things happen: what one process does with one actor comes in its order.
	unwritten map[activating]kv.Version
	// begun holds those who have begun to activate an actor in their lives.
	begun map[activating]bool
	// handed holds, of each actor whose claim was handed over, to whom: of its activations under that claim one may
	// commit without having written it.
	handed map[api.ActorID]string
}

// former is what an actor had before a restore.
type former struct {
	token, commit uint64
}

type activating struct {
	life  int
	actor api.ActorID
}

func newOwners(w *world) *owners {
	return &owners{
		w: w, claims: make(map[api.ActorID]claimRecord), fences: make(map[string]fenceRecord),
		seqs: make(map[api.ActorID]seqRecord), past: make(map[api.ActorID]former),
		joined: make(map[incarnation]*life), named: make(map[string]*life), unwritten: make(map[activating]kv.Version),
		begun: make(map[activating]bool), handed: make(map[api.ActorID]string),
	}
}

// read notes that a process has begun to activate an actor.
func (o *owners) read(l *life, v kv.Version, keys [][]byte) {
	a := o.w.store.audit
	if at := a.lookup(l, keys); at.activates() {
		o.unwritten[activating{l.number, a.kind(keys[at.claim]).actor}] = v
		o.begun[activating{l.number, a.kind(keys[at.claim]).actor}] = true
	}
}

// happened checks, as it happens, that nobody commits a state who has not written a claim for the activation.
func (o *owners) happened(d *deed) {
	if d.by == nil {
		return
	}
	for _, m := range d.tx.Mutations {
		k := o.w.store.audit.kind(m.Key)
		who := activating{d.by.number, k.actor}
		switch {
		case k.kind == keyClaim:
			now := decode[claimRecord](m.Value)
			delete(o.handed, k.actor)
			if now.Node == d.by.name {
				if !o.begun[who] { // the checker is blind
					o.w.violate("single-activation", "%s claimed %s, and was not seen to read claim, seq "+
						"and its fence", d.who(), k.actor)
				}
				delete(o.unwritten, who)
			} else if now.Move != "" {
				o.handed[k.actor] = now.Node
			}
		case k.kind == keySeq && o.handed[k.actor] == d.by.name:
			delete(o.handed, k.actor)
			delete(o.unwritten, who)
		case k.kind == keySeq && o.unwritten[who] != 0 && d.tx.ReadVersion >= o.unwritten[who]:
			// an older one comes late
			o.w.violate("single-activation", "%s committed a state of %s under a claim that it has found, not written",
				d.who(), k.actor)
		}
	}
}

// changes are what one transaction does to the records of ownership.
type changes struct {
	*owners
	deed   *deed
	claims []change[api.ActorID, claimRecord]
	fences []change[string, fenceRecord]
	seqs   []change[api.ActorID, seqRecord]
	beats  []change[string, beatRecord]
}

type change[K comparable, V any] struct {
	key K
	now V
}

func (o *owners) begin(d *deed) *changes { return &changes{owners: o, deed: d} }

func (c *changes) write(k keyInfo, value []byte) {
	switch k.kind {
	case keyClaim:
		c.claims = append(c.claims, change[api.ActorID, claimRecord]{k.actor, decode[claimRecord](value)})
	case keyFence:
		c.fences = append(c.fences, change[string, fenceRecord]{k.node, decode[fenceRecord](value)})
	case keySeq:
		c.seqs = append(c.seqs, change[api.ActorID, seqRecord]{k.actor, decode[seqRecord](value)})
	case keyBeat:
		c.beats = append(c.beats, change[string, beatRecord]{k.node, decode[beatRecord](value)})
	}
}

// erase takes a record as deleted.
func (c *changes) erase(k keyInfo) {
	switch k.kind {
	case keyClaim, keySeq:
		c.owners.ends(k.actor)
		delete(c.owners.claims, k.actor)
		delete(c.owners.seqs, k.actor)
	case keyFence:
		delete(c.owners.fences, k.node)
	}
}

// ends takes what an actor has had so far as its past.
func (o *owners) ends(actor api.ActorID) {
	p := o.past[actor]
	o.past[actor] = former{max(p.token, o.claims[actor].Token), max(p.commit, o.seqs[actor].N)}
}

// pastOf is what all actors have had so far, for the checks of another store that takes this one's place.
func (o *owners) pastOf() map[api.ActorID]former {
	for actor := range o.claims { //kelpie:unordered each by itself
		o.ends(actor)
	}
	return o.past
}

// end checks the transaction, whole, and makes it part of what is known.
func (c *changes) end() {
	for _, f := range c.fences {
		c.fence(f.key, c.owners.fences[f.key], f.now)
	}
	for _, x := range c.claims {
		c.claim(x.key, c.owners.claims[x.key], x.now)
	}
	for _, b := range c.beats {
		c.beat(b.key, b.now)
	}
	for _, s := range c.seqs {
		c.commit(s.key, c.owners.seqs[s.key], s.now)
	}
	for _, f := range c.fences {
		c.owners.fences[f.key] = f.now
	}
	for _, x := range c.claims {
		c.owners.claims[x.key] = x.now
	}
	for _, s := range c.seqs {
		c.owners.seqs[s.key] = s.now
	}
}

func (c *changes) fence(node string, old, now fenceRecord) {
	switch by := c.joined[now.Incarnation]; {
	case now.Epoch < old.Epoch:
		c.w.violateAt(c.deed.at, "membership", "%s lowered the epoch of %s from %d to %d", c.deed.who(), node,
			old.Epoch, now.Epoch)
	case now.Incarnation == old.Incarnation:
	case now.Epoch == old.Epoch:
		c.w.violateAt(c.deed.at, "membership", "%s changed who has the lease of %s, and left its epoch at %d",
			c.deed.who(), node, now.Epoch)
	case now.Incarnation == incarnation{}:
	case by != nil:
		c.w.violateAt(c.deed.at, "membership", "%s joined as %s under an incarnation that process %d has had before",
			c.deed.who(), node, by.number)
	default:
		if last := c.named[node]; last != nil && c.rejoins() && last.number > c.deed.by.number {
			c.w.violateAt(c.deed.at, "membership", "%s took the name %s back from process %d, which has joined since",
				c.deed.who(), node, last.number)
		}
		c.joined[now.Incarnation], c.named[node] = c.deed.by, c.deed.by
	}
}

// rejoins reports whether a join is not the one by which a process has started.
func (c *changes) rejoins() bool {
	by := c.deed.by
	return by != nil && by.started && c.deed.at > by.startedAt
}

func (c *changes) beat(node string, now beatRecord) {
	if by := c.joined[now.Incarnation]; c.deed.by != nil && by != c.deed.by && node == c.deed.by.name {
		c.w.violateAt(c.deed.at, "membership", "%s beats under an incarnation that is not its own", c.deed.who())
	}
}

// claim checks a change of an actor's owner.
func (c *changes) claim(actor api.ActorID, old, now claimRecord) {
	who, fence := c.deed.who(), c.owners.fences[old.Node]
	valid := old.Node != "" && fence.Incarnation == old.Incarnation
	mine := c.deed.by != nil && old.Node == c.deed.by.name && c.joined[old.Incarnation] == c.deed.by
	switch {
	case now.Node != "" && now.Token <= c.past[actor].token:
		c.w.violateAt(c.deed.at, "tokens", "%s wrote a claim of %s with token %d, and before a restore there was "+
			"one with token %d", who, actor, now.Token, c.past[actor].token)
	case now.Token < old.Token || now.Token == old.Token && now.Node != "":
		c.w.violateAt(c.deed.at, "tokens", "%s wrote a claim of %s with token %d after %d", who, actor, now.Token,
			old.Token)
	case now.Node == "" && now.Token == old.Token && !mine:
		c.w.violateAt(c.deed.at, "tokens", "%s released %s, which was claimed by %q under token %d", who, actor,
			old.Node, old.Token)
	case now.Node != "" && valid && old.Node != now.Node && mine && now.Move == "":
		c.w.violateAt(c.deed.at, "single-activation", "%s gave %s to %s, and did not say by which move", who, actor,
			now.Node)
	case now.Node != "" && valid && old.Node != now.Node && !mine:
		c.w.violateAt(c.deed.at, "single-activation", "%s claimed %s, which %s owned under a valid lease", who, actor,
			old.Node)
	case valid && !mine && !c.revokes(old.Node):
		c.w.violateAt(c.deed.at, "single-activation", "%s took %s from %s, and did not raise the revocations of that "+
			"node", who, actor, old.Node)
	case now.Node != "" && c.owners.fences[now.Node].Incarnation != now.Incarnation:
		c.w.violateAt(c.deed.at, "single-activation", "%s claimed %s without a lease of its own", who, actor)
	}
}

// revokes reports whether the transaction raises the revocations of a node.
func (c *changes) revokes(node string) bool {
	for _, f := range c.fences {
		if f.key == node &&
			(f.now.Revocations > c.owners.fences[node].Revocations ||
				f.now.Incarnation != c.owners.fences[node].Incarnation) {
			return true
		}
	}
	return false
}

// commit checks a batch of an actor's state.
func (c *changes) commit(actor api.ActorID, old, now seqRecord) {
	claim := c.owners.claims[actor]
	switch {
	case c.deed.by == nil:
	case claim.Node != c.deed.by.name || c.joined[claim.Incarnation] != c.deed.by:
		c.w.violateAt(c.deed.at, "single-activation", "%s committed a state of %s, which is claimed by %q under "+
			"token %d", c.deed.who(), actor, claim.Node, claim.Token)
	case now.N <= c.past[actor].commit:
		c.w.violateAt(c.deed.at, "tokens", "%s committed batch %d of %s, and before a restore there was batch %d",
			c.deed.who(), now.N, actor, c.past[actor].commit)
	case now.N != max(old.N, c.w.store.audit.meta().Commits)+1:
		c.w.violateAt(c.deed.at, "single-activation", "%s committed batch %d of %s after batch %d", c.deed.who(),
			now.N, actor, old.N)
	}
}
