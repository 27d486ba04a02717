// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"cmp"

	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// unitOfWork is what calls change of an actor. Each of its parts has three layers: what the handler that runs has done
// lies over what earlier calls of the batch have done, and that over what the store has.
type unitOfWork struct {
	Struct   *state.Struct
	kv       *state.KV
	schedule *state.Schedule // nil for most
	dedup    *dedup.Table
}

// layered is a part of a unit of work.
type layered interface {
	// Rollback undoes what the handler that has run last has done.
	Rollback() error
	// Keep makes it part of the batch.
	Keep()
	// Stored notes that the batch has been committed.
	Stored()
	// Revert undoes the batch.
	Revert() error
}

func (w *unitOfWork) layers() [4]layered { return [...]layered{w.Struct, w.kv, w.schedule, w.dedup} }

// rollback undoes what the handler that has run last has done. An error is that of the actor's state: it is lost.
func (w *unitOfWork) rollback() (err error) {
	for _, l := range w.layers() {
		err = cmp.Or(err, l.Rollback())
	}
	return err
}

// keep makes what the handler that has run last has done part of the batch.
func (w *unitOfWork) keep() {
	for _, l := range w.layers() {
		l.Keep()
	}
}

// stored notes that the batch has been committed.
func (w *unitOfWork) stored() {
	for _, l := range w.layers() {
		l.Stored()
	}
}

// revert undoes the batch. An error is that of the actor's state: it is lost.
func (w *unitOfWork) revert() (err error) {
	for _, l := range w.layers() {
		err = cmp.Or(err, l.Revert())
	}
	return err
}

// writes are what makes the batch durable in a commit of a claim. now is in milliseconds since 1970.
func (w *unitOfWork) writes(claim *registry.Claim, now int64) (out []registry.Write) {
	out = append(w.Struct.Writes(), w.kv.Writes()...)
	out = append(out, w.dedup.Writes()...)
	return append(out, w.schedule.Writes(claim, now)...)
}

// bytes is about what the batch takes in a transaction so far.
func (w *unitOfWork) bytes() int {
	return w.kv.Bytes + len(w.Struct.Kept) + w.schedule.BatchBytes() + w.dedup.BatchBytes()
}

// amend changes the schedule as a handler would: what change does becomes part of the batch, unless it fails.
func (a *Activation) amend(change func(g *state.Schedule) error) error {
	g := a.plan()
	if err := change(g); err != nil {
		return cmp.Or(g.Rollback(), err)
	}
	g.Keep()
	return nil
}

// save commits what has changed since the last commit. With an error nothing has.
func (a *Activation) save() error {
	if writes := a.changes(); len(writes) > 0 {
		a.Claim.Renew(a.parts.Members.Proof())
		if err := a.Claim.Commit(a.parts.Ctx, writes); err != nil {
			return cmp.Or(a.revert(), err)
		}
	}
	a.kept()
	return nil
}
