// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "slices"

// ClaimsRules are what makes an actor's reads and commits those of its only owner. The comments name the rule of
// docs/architecture.md that each stands for.
type ClaimsRules struct {
	// WritersReadSeq (R1): who writes a claim reads claim and seq.
	WritersReadSeq bool
	// TakersRevoke (R2): who takes a claim away raises the revocations of its owner.
	TakersRevoke bool
	// OwnRewritten (R3): a node that finds its own name in a claim, without an activation, writes the claim again.
	OwnRewritten bool
	// RetriesRead (R4): a batch that has conflicted is sent again only when claim and seq were read and are as
	// expected.
	RetriesRead bool
	// RenewalsProve (R6): a kept version is replaced by a later one only if the fence at that version shows the
	// incarnation and the revocations of the activation.
	RenewalsProve bool
	// UnknownSettled (R5): what became of a commit of unknown result is read before anything is served.
	UnknownSettled bool
	// ProofPerActivation (R6): a barrier is compared with what the activation's claim has read, not with what the node
	// remembers.
	ProofPerActivation bool
	// HandoversDrop (R5): a source that does not know what became of a handover drops the activation.
	HandoversDrop bool
	// InstallsRead (R3): a target reads the claim itself before it installs what it was handed.
	InstallsRead bool
}

// AllClaimsRules has every rule.
func AllClaimsRules() ClaimsRules {
	return ClaimsRules{true, true, true, true, true, true, true, true, true}
}

// ClaimsBudget bounds an exploration: how often each of these happens. Unknowns are commits whose result is not heard,
// and Renewals are heartbeats that renew a kept version.
type ClaimsBudget struct {
	Writes, Reads, Claims, Breaks, Fences, Joins, Unknowns, Handovers, Releases, Renewals uint8
}

const (
	claimsNodes        = 2
	claimsTransactions = 5
	noNode             = claimsNodes
)

// The kinds of transactions.
const (
	noTx = iota
	batchTx
	claimTx
	releaseTx
	handoverTx
	breakTx
)

// What a transaction reads with conflict.
const (
	readsClaim = 1 << iota
	readsSeq
	readsFence // and the bit above, for the second node
)

// What has become of a transaction.
const (
	inFlight = iota
	landed
	conflicted
)

type claimsTxn struct {
	kind, node uint8
	waited     bool // by its node
	outcome    uint8
	// readVersion and version are those at which it reads and at which it landed; reads is what it reads with conflict.
	readVersion, version, reads uint8
	// token and epoch are of the claim that it writes or relies on; to is the node that the claim goes to.
	token, epoch, to uint8
	// value and seq are the state that it writes, or has read; op is what a batch adds to it.
	value, seq, op uint8
	// revocations are what a claim has read, victim is whose claim is broken, and life is the activation that sent it.
	revocations, victim, life uint8
}

// claimsLife is an activation. Unlike those of the product its value is a set of operations, a bit for each.
type claimsLife struct {
	on                       bool
	id, token, epoch         uint8
	readVersion, value, seq  uint8
	revocations              uint8
	quiesced, unknown, moved bool  // unknown is of a batch, moved of a handover
	op                       uint8 // of the unknown batch
}

// claimsRead is a call that reads: what it found, and what its barrier has read.
type claimsRead struct {
	stage              uint8 // 0 none, 1 has run, 2 has its barrier
	seen, value        uint8 // what clients had seen when it arrived, and its answer
	epoch, revocations uint8
	held               bool // the claim was the activation's, at the barrier's version
}

// claimsWord is the word of a handover, on its way to its target.
type claimsWord struct {
	on                      bool
	token, epoch            uint8
	readVersion, value, seq uint8
	revocations             uint8
}

type claimsNode struct {
	epoch, revocations uint8 // as the node remembers them
	life               claimsLife
	read               claimsRead
	word               claimsWord
}

type claimsState struct {
	// version is the last commit version; shared says that another transaction may still land at it.
	version uint8
	shared  bool
	// As stored, each with the version that wrote it.
	owner, ownerEpoch, token, claimWritten uint8
	seq, value, seqWritten                 uint8
	epochs, revocations, fenceWritten      [claimsNodes]uint8
	nodes                                  [claimsNodes]claimsNode
	txns                                   [claimsTransactions]claimsTxn
	// seen is what clients have seen of the value, by answers to writes and reads.
	seen  uint8
	lives uint8 // how many activations there have been
	// newest is the newest activation that has committed.
	newest uint8
	budget ClaimsBudget
	broken uint8
}

// What is broken.
const (
	lostWrite = iota + 1
	staleRead
	olderCommits
)

var claimsBroken = [...]string{
	"", "an acknowledged write is lost", "a read misses what clients had seen before it",
	"an activation commits after a newer one",
}

type claimsMachine struct{ rules ClaimsRules }

// Claims returns the machine of who owns an actor, on a store where several transactions may share a commit version,
// in an order of their own, and a conflict is a write at a version greater than the read version.
func Claims(rules ClaimsRules, budget ClaimsBudget) *Machine[claimsState] {
	s := claimsState{version: 1, owner: noNode, budget: budget}
	for n := range s.nodes {
		s.epochs[n], s.nodes[n].epoch = 1, 1
	}
	m := claimsMachine{rules}
	return &Machine[claimsState]{
		Start: s, Next: m.next,
		Broken: func(s *claimsState) string { return claimsBroken[s.broken] },
	}
}

func (m claimsMachine) next(s claimsState, out *Steps[claimsState]) {
	for i, t := range s.txns {
		if t.kind == noTx {
			continue
		}
		if t.outcome == inFlight {
			m.land(s, i, false, out)
			m.land(s, i, true, out)
		}
		if t.waited {
			m.hear(s, i, out)
			m.lose(s, i, out)
		}
	}
	m.takeAway(s, out)
	for n := range uint8(claimsNodes) {
		m.fence(s, n, out)
		m.join(s, n, out)
		m.take(s, n, out)
		m.install(s, n, out)
		if !s.nodes[n].life.on {
			continue
		}
		m.write(s, n, out)
		m.settle(s, n, out)
		m.renew(s, n, out)
		m.release(s, n, out)
		m.handOver(s, n, out)
		m.read(s, n, out)
		m.barrier(s, n, out)
		m.reply(s, n, out)
	}
}

// readNow gives out a read version: nothing lands at it any more.
func (s *claimsState) readNow() uint8 {
	s.shared = false
	return s.version
}

func (s *claimsState) add(t claimsTxn) bool {
	i := slices.IndexFunc(s.txns[:], func(t claimsTxn) bool { return t.kind == noTx })
	if i >= 0 {
		s.txns[i] = t
	}
	return i >= 0
}

// sorted orders the transactions, as their places mean nothing.
func (s claimsState) sorted() claimsState {
	slices.SortFunc(s.txns[:], compareTxns)
	return s
}

func compareTxns(a, b claimsTxn) int {
	if a == b {
		return 0
	}
	x, y := a.digits(), b.digits()
	return slices.Compare(y[:], x[:])
}

func (t claimsTxn) digits() [16]uint8 {
	return [16]uint8{
		t.kind, t.node, uint8(bit(t.waited)), t.outcome, t.readVersion, t.version, t.reads, t.token, t.epoch, t.to,
		t.value, t.seq, t.op, t.revocations, t.victim, t.life,
	}
}

func (s *claimsState) breaks(what uint8) {
	if s.broken == 0 {
		s.broken = what
	}
}

// see has clients see a value.
func (s *claimsState) see(value uint8) {
	s.seen |= value
	if s.seen&^s.value != 0 {
		s.breaks(lostWrite)
	}
}

func (s *claimsState) conflicts(t *claimsTxn) bool {
	return t.reads&readsClaim != 0 && s.claimWritten > t.readVersion ||
		t.reads&readsSeq != 0 && s.seqWritten > t.readVersion ||
		t.reads&readsFence != 0 && s.fenceWritten[0] > t.readVersion ||
		t.reads&(readsFence<<1) != 0 && s.fenceWritten[1] > t.readVersion
}

// land has the store decide a transaction, at a version of its own or at that of the one before.
func (m claimsMachine) land(s claimsState, i int, share bool, out *Steps[claimsState]) {
	t := &s.txns[i]
	if share && (!s.shared || t.readVersion >= s.version) {
		return
	}
	if s.conflicts(t) {
		if t.outcome = conflicted; !t.waited {
			*t = claimsTxn{}
		}
		if !share {
			out.Step(s.sorted(), nameTx(s.txns[i].kind)+" of node %d conflicts", s.txns[i].node)
		}
		return
	}
	if !share {
		s.version++
	}
	s.shared = true
	t.outcome, t.version = landed, s.version
	done := *t
	if !t.waited {
		*t = claimsTxn{}
	}
	m.apply(&s, &done)
	text := nameTx(done.kind) + " of node %d lands at version %d (read at %d, token %d, seq %d)"
	out.Step(s.sorted(), text, done.node, done.version, done.readVersion, done.token, done.seq)
}

func nameTx(kind uint8) string {
	return [...]string{"", "a batch", "a claim", "a release", "a handover", "a break of the claim"}[kind]
}

// apply makes a transaction's writes.
func (m claimsMachine) apply(s *claimsState, t *claimsTxn) {
	if t.kind == batchTx {
		s.value, s.seq, s.seqWritten = t.value, t.seq, s.version
		if t.life < s.newest {
			s.breaks(olderCommits)
		}
		s.newest = t.life
		s.see(0)
		return
	}
	s.owner, s.ownerEpoch, s.token, s.claimWritten = t.to, t.epoch, t.token, s.version
	if t.kind == breakTx && m.rules.TakersRevoke {
		s.revocations[t.victim]++
		s.fenceWritten[t.victim] = s.version
	}
}

// hear has a node hear what became of its transaction.
func (m claimsMachine) hear(s claimsState, i int, out *Steps[claimsState]) {
	t := s.txns[i]
	if t.outcome == inFlight {
		return
	}
	s.txns[i] = claimsTxn{}
	s.shared = false
	switch t.kind {
	case batchTx:
		m.heardBatch(&s, &t)
	case claimTx:
		n := &s.nodes[t.node]
		if t.outcome == landed && !n.life.on && (!m.rules.ProofPerActivation || t.epoch == n.epoch) {
			s.activate(t.node, claimsLife{
				token: t.token, epoch: t.epoch, readVersion: t.version, value: t.value, seq: t.seq,
				revocations: t.revocations,
			})
		}
	case handoverTx:
		s.heardHandover(&t)
	}
	text := nameTx(t.kind) + " was committed, hears node %d"
	if t.outcome == conflicted {
		text = nameTx(t.kind) + " was not committed, hears node %d"
	}
	out.Step(s.sorted(), text, t.node)
}

func (m claimsMachine) heardBatch(s *claimsState, t *claimsTxn) {
	n := &s.nodes[t.node]
	mine := n.life.on && n.life.id == t.life
	switch {
	case mine && t.outcome == landed:
		n.life.value, n.life.seq, n.life.readVersion = t.value, t.seq, t.version
	case mine && m.rules.RetriesRead:
		n.life.unknown, n.life.op = true, t.op
	case mine:
		s.add(n.life.batch(t.node, t.op, s.readNow()))
	}
	if t.outcome == landed { // the answer goes out, although the activation may be gone
		s.see(t.op)
	}
}

func (s *claimsState) heardHandover(t *claimsTxn) {
	n := &s.nodes[t.node]
	if !n.life.on || n.life.id != t.life {
		return
	}
	if t.outcome == conflicted {
		if n.life.quiesced = false; s.owner != t.node || s.token != t.token-1 {
			n.drop()
		}
		return
	}
	n.drop()
	s.nodes[t.to].word = claimsWord{
		on: true, token: t.token, epoch: t.epoch, readVersion: t.version,
		value: t.value, seq: t.seq, revocations: t.revocations,
	}
}

func (n *claimsNode) drop() { n.life, n.read = claimsLife{}, claimsRead{} }

func (s *claimsState) activate(n uint8, life claimsLife) {
	s.lives++
	life.on, life.id = true, s.lives
	s.nodes[n].life, s.nodes[n].read = life, claimsRead{}
}

// lose has a node be told that the result of its transaction is unknown. It may have landed, or may land later.
func (m claimsMachine) lose(s claimsState, i int, out *Steps[claimsState]) {
	if s.budget.Unknowns == 0 {
		return
	}
	s.budget.Unknowns--
	t := s.txns[i]
	s.txns[i].waited = false
	if t.outcome != inFlight {
		s.txns[i] = claimsTxn{}
	}
	n := &s.nodes[t.node]
	if mine := n.life.on && n.life.id == t.life; mine {
		switch {
		case t.kind == batchTx && m.rules.UnknownSettled:
			n.life.unknown, n.life.op = true, t.op
		case t.kind == batchTx: // it is taken for done
			n.life.value, n.life.seq = t.value, t.seq
			s.see(t.op)
		case t.kind == handoverTx && m.rules.HandoversDrop:
			n.drop()
		case t.kind == handoverTx:
			n.life.moved = true
		}
	}
	out.Fault(s.sorted(), "the result of "+nameTx(t.kind)+" is unknown to node %d", t.node)
}

// reads is what a writer of the claim reads with conflict, beside the fences given by nodes.
func (m claimsMachine) reads(fences ...uint8) uint8 {
	mask := uint8(readsClaim)
	if m.rules.WritersReadSeq {
		mask |= readsSeq
	}
	for _, n := range fences {
		if n != noNode {
			mask |= readsFence << n
		}
	}
	return mask
}

// takeAway is an operator who breaks a claim that is held.
func (m claimsMachine) takeAway(s claimsState, out *Steps[claimsState]) {
	if s.budget.Breaks == 0 || s.owner == noNode || s.epochs[s.owner] != s.ownerEpoch {
		return
	}
	s.budget.Breaks--
	t := claimsTxn{
		kind: breakTx, victim: s.owner, node: s.owner, to: noNode, readVersion: s.readNow(), reads: m.reads(s.owner),
		token: s.token + 1,
	}
	if s.add(t) {
		out.Fault(s.sorted(), "an operator breaks the claim of node %d, reading at %d", t.victim, t.readVersion)
	}
}

// fence is a watcher who takes a node's lease.
func (m claimsMachine) fence(s claimsState, n uint8, out *Steps[claimsState]) {
	if s.budget.Fences == 0 {
		return
	}
	s.budget.Fences--
	s.version++
	s.shared = true
	s.epochs[n]++
	s.fenceWritten[n] = s.version
	out.Fault(s, "node %d is fenced at version %d", n, s.version)
}

// join is a node that notices it.
func (m claimsMachine) join(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	if s.budget.Joins == 0 || s.epochs[n] == x.epoch {
		return
	}
	s.budget.Joins--
	s.version++
	s.shared = false
	s.epochs[n]++
	s.fenceWritten[n] = s.version
	x.epoch, x.revocations = s.epochs[n], s.revocations[n]
	if x.drop(); m.rules.ProofPerActivation {
		x.word = claimsWord{}
	}
	out.Step(s, "node %d sees that it is fenced, drops its activations and joins again, with epoch %d", n, x.epoch)
}

// take has a node claim the actor, or find that it has it.
func (m claimsMachine) take(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	if s.budget.Claims == 0 || x.life.on || s.awaits(n, claimTx) || s.epochs[n] != x.epoch { // R8: for progress only
		return
	}
	s.budget.Claims--
	at := s.readNow()
	current := s.owner != noNode && s.epochs[s.owner] == s.ownerEpoch
	mine := current && s.owner == n && s.ownerEpoch == x.epoch
	if mine && !m.rules.OwnRewritten {
		s.activate(n, claimsLife{
			token: s.token, epoch: x.epoch, readVersion: at, value: s.value, seq: s.seq, revocations: s.revocations[n],
		})
		out.Step(s, "node %d finds its own claim, token %d, and activates without writing it", n, s.token)
		return
	}
	if current && !mine {
		return
	}
	t := claimsTxn{
		kind: claimTx, node: n, to: n, waited: true, readVersion: at, reads: m.reads(s.owner, n),
		token: s.token + 1, epoch: x.epoch, value: s.value, seq: s.seq, revocations: s.revocations[n],
	}
	if s.add(t) {
		out.Step(s.sorted(), "node %d sends a claim, token %d, reading seq %d at %d", n, t.token, t.seq, at)
	}
}

func (s *claimsState) awaits(n, kind uint8) bool {
	return slices.ContainsFunc(s.txns[:], func(t claimsTxn) bool { return t.kind == kind && t.node == n && t.waited })
}

// install has a node take what was handed over to it.
func (m claimsMachine) install(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	w := x.word
	if !w.on {
		return
	}
	x.word = claimsWord{}
	ok := !x.life.on && w.epoch == x.epoch
	if m.rules.InstallsRead {
		w.readVersion, w.revocations = s.readNow(), s.revocations[n]
		ok = ok && s.owner == n && s.ownerEpoch == w.epoch && s.token == w.token && s.epochs[n] == w.epoch &&
			s.seq == w.seq && !s.awaits(n, claimTx)
	}
	text := "node %d hears of a handover, token %d, and does not install it"
	if ok {
		text = "node %d hears of a handover, token %d, and installs it"
		s.activate(n, claimsLife{
			token: w.token, epoch: w.epoch, readVersion: w.readVersion, value: w.value, seq: w.seq,
			revocations: w.revocations,
		})
	}
	out.Step(s, text, n, w.token)
}

// busy reports whether the activation of a node can't begin anything that commits.
func (s *claimsState) busy(n uint8) bool {
	life := &s.nodes[n].life
	return life.unknown || life.moved || s.awaits(n, batchTx) || s.awaits(n, handoverTx)
}

// write has an activation send a batch that adds an operation.
func (m claimsMachine) write(s claimsState, n uint8, out *Steps[claimsState]) {
	life := s.nodes[n].life
	if s.budget.Writes == 0 || life.quiesced || s.busy(n) {
		return
	}
	op := uint8(1) << (s.budget.Writes - 1)
	s.budget.Writes--
	if s.add(life.batch(n, op, life.readVersion)) {
		out.Step(s.sorted(), "node %d sends a batch, seq %d, at its kept version %d", n, life.seq+1, life.readVersion)
	}
}

func (l *claimsLife) batch(n, op, readVersion uint8) claimsTxn {
	return claimsTxn{
		kind: batchTx, node: n, waited: true, readVersion: readVersion, reads: readsClaim | readsSeq,
		token: l.token, value: l.value | op, seq: l.seq + 1, op: op, life: l.id,
	}
}

// settle has an activation find out what became of a commit that has conflicted, or whose result is unknown.
func (m claimsMachine) settle(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	life := &x.life
	if !life.unknown && !life.moved {
		return
	}
	at := s.readNow()
	switch {
	case s.owner != n || s.token != life.token || s.ownerEpoch != life.epoch:
		x.drop()
		out.Step(s, "node %d reads claim and seq after a commit: the claim is gone", n)
	case life.moved:
		life.moved, life.quiesced = false, false
		out.Step(s, "node %d reads the claim after an unknown handover: its own still, and it goes on", n)
	case s.seq == life.seq+1:
		life.value, life.seq, life.readVersion, life.unknown = s.value, s.seq, at, false
		s.see(life.op)
		out.Step(s, "node %d reads claim and seq after a commit: it has landed", n)
	default:
		life.unknown, life.readVersion = false, at
		if s.add(life.batch(n, life.op, at)) {
			out.Step(s.sorted(), "node %d reads claim and seq after a commit: not landed, and sent again at %d", n, at)
		}
	}
}

// renew has a heartbeat renew the kept version of an activation.
func (m claimsMachine) renew(s claimsState, n uint8, out *Steps[claimsState]) {
	life := &s.nodes[n].life
	if s.budget.Renewals == 0 || s.busy(n) {
		return
	}
	s.budget.Renewals--
	at := s.readNow()
	if m.rules.RenewalsProve && (s.epochs[n] != life.epoch || s.revocations[n] != life.revocations) {
		return
	}
	life.readVersion = at
	out.Step(s, "a heartbeat of node %d renews its kept version to %d", n, at)
}

func (m claimsMachine) release(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	life := x.life
	if s.budget.Releases == 0 || life.quiesced || x.read.stage != 0 || s.busy(n) {
		return
	}
	s.budget.Releases--
	at := s.readNow()
	x.drop()
	if s.owner != n || s.token != life.token || s.ownerEpoch != life.epoch {
		out.Step(s, "node %d deactivates the actor, whose claim is gone", n)
		return
	}
	if s.add(claimsTxn{kind: releaseTx, node: n, to: noNode, readVersion: at, reads: m.reads(), token: life.token}) {
		out.Step(s.sorted(), "node %d deactivates the actor and sends a release, reading at %d", n, at)
	}
}

func (m claimsMachine) handOver(s claimsState, n uint8, out *Steps[claimsState]) {
	life, to := &s.nodes[n].life, 1-n
	if s.budget.Handovers == 0 || life.quiesced || s.busy(n) {
		return
	}
	s.budget.Handovers--
	at := s.readNow()
	held := s.owner == n && s.token == life.token && s.ownerEpoch == life.epoch
	if !held || s.epochs[n] != life.epoch || s.epochs[to] != s.nodes[to].epoch {
		return
	}
	life.quiesced = true
	t := claimsTxn{
		kind: handoverTx, node: n, waited: true, readVersion: at, reads: m.reads(n, to),
		token: life.token + 1, to: to, epoch: s.nodes[to].epoch,
		value: life.value, seq: life.seq, revocations: s.revocations[to], life: life.id,
	}
	if s.add(t) {
		out.Step(s.sorted(), "node %d quiesces and sends a handover to node %d, token %d", n, to, t.token)
	}
}

// read has a call that reads arrive, and run on what is in memory.
func (m claimsMachine) read(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	if s.budget.Reads == 0 || x.read.stage != 0 || x.life.quiesced {
		return
	}
	s.budget.Reads--
	x.read = claimsRead{stage: 1, seen: s.seen, value: x.life.value}
	out.Step(s, "a read arrives at node %d and runs", n)
}

func (m claimsMachine) barrier(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	if x.read.stage != 1 {
		return
	}
	at := s.readNow()
	r := &x.read
	r.stage, r.epoch, r.revocations = 2, s.epochs[n], s.revocations[n]
	r.held = s.owner == n && s.ownerEpoch == x.life.epoch && s.token == x.life.token
	out.Step(s, "the barrier of node %d reads its fence at version %d", n, at)
}

// reply has a node compare the barrier, and answer or drop the activation.
func (m claimsMachine) reply(s claimsState, n uint8, out *Steps[claimsState]) {
	x := &s.nodes[n]
	r := x.read
	if r.stage != 2 {
		return
	}
	x.read = claimsRead{}
	if !m.proven(x, &r) {
		x.drop()
		out.Step(s, "the barrier of node %d proves nothing: it drops the actor", n)
		return
	}
	if r.seen&^r.value != 0 {
		s.breaks(staleRead)
	}
	s.see(r.value)
	out.Step(s, "node %d answers the read", n)
}

// proven reports whether a barrier vouches for the node's activation.
func (m claimsMachine) proven(x *claimsNode, r *claimsRead) bool {
	if !m.rules.ProofPerActivation {
		fine := r.epoch == x.epoch && r.revocations == x.revocations
		x.revocations = r.revocations
		return fine
	}
	life := &x.life
	if r.epoch != life.epoch || life.epoch != x.epoch {
		return false
	}
	if r.revocations != life.revocations && r.held {
		life.revocations = r.revocations
	}
	return r.revocations == life.revocations
}
