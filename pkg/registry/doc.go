// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package registry holds everything that is a transaction on shared metadata: who is a member of the cluster, whose
// lease is valid, who owns which actor, and the one way to commit an actor's state. No other package writes these
// keys.
//
// A node's lease is two keys: fence/{node}, written when the lease changes hands, and beat/{node}, written at every
// heartbeat. A claim/{namespace}/{id} hangs from its owner's fence: it is valid while the fence shows the incarnation
// that the claim was written under. So failing a node over is one transaction, however many actors it has.
//
// Nothing here compares the clocks of two machines. A dead node is found by a watcher that has seen the same beat for
// the lease's time on its own monotonic clock, and over as many committed beats of its own. A living node that was
// fenced wrongly, or resumes after a pause, can do no harm: a commit of state carries a read conflict on the claim,
// from a version at which the claim was held (Claim.Commit), and a read is answered only after a Proof that it was
// held when the read arrived (Claim.Check).
//
// The rules that make this safe, each found by exhaustive exploration of a model, are named at the code that keeps
// them:
//
//   - R1: everyone who writes a claim reads claim and seq with conflict; every commit of state writes seq.
//   - R2: a transaction that takes a claim that another node holds under its current incarnation raises that node's
//     fence.revocations in the same transaction.
//   - R3: a node that finds its own claim but has no activation writes it again, token+1.
//   - R4: a batch is never retried blindly: claim and seq are read first.
//   - R5: an unknown commit is resolved by seq before anything else is served.
//   - R6: a proof is compared with each activation's own (incarnation, revocations).
//   - R7: ownership compares incarnations, never epochs.
//   - R8: a claim transaction reads the claimant's own fence.
//
// A Registry is safe for concurrent use; a Claim belongs to one task at a time.
package registry
