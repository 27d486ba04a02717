// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
)

// A restore takes the cluster back to a backup: what was done meanwhile is lost, with the answers. What is done from
// then on must be done as if there had been none: once, in order, under tokens and numbers above all there were.

// restored is a restore of the store that has happened.
type restored struct {
	// moment is whether the backup was of one moment, and not of one for each actor alone.
	moment bool
	// The backup was made between began and copied, the clients started again at stopped, the nodes from over on.
	began, copied, stopped, over time.Duration
}

// restores are those of a run.
type restores struct {
	busy    bool // one is under way
	stopped bool // no process of a node may run
	done    []restored
}

// fate of a call before restores.
type remains uint8

const (
	// whole: it is as if there had been none.
	whole remains = iota
	// apart: it is in every backup, but what it has sent may be lost between two actors.
	apart
	// doubtful: it may be in a backup or not, or in part.
	doubtful
	// gone: it was made after a backup, and nothing of it is left.
	gone
)

// survival is what restores have left of a call.
func survival(op *Op, all []restored) remains {
	left := whole
	for _, r := range all {
		answered := op.Outcome != Pending
		switch {
		case op.From >= r.stopped, op.Outcome == Refused:
		case answered && op.To <= r.began && r.moment:
		case answered && op.To <= r.began:
			left = max(left, apart)
		case op.From > r.copied:
			return gone
		default:
			return doubtful
		}
	}
	return left
}

// errRestarted is the end of a call whose caller was started again.
var errRestarted = api.Errorf(api.CodeUnknown, "its caller was started again, as the store was restored")

func restarted(err error) bool { return err == error(errRestarted) }

// restart has the client start again, with calls on their way, which it does not repeat.
func (k *worker) restart() {
	k.starts++
	k.client.Close()
	k.connect()
}

// pinning is a store that keeps versions readable.
type pinning struct{ *caller }

var _ kv.Pinner = pinning{}

// Pin implements kv.Pinner.
func (p pinning) Pin(ctx context.Context, v kv.Version) (out kv.Version, err error) {
	err = p.visit(ctx, func(s *occ.Store) error {
		out, err = s.Pin(ctx, v)
		return err
	})
	return out, err
}

// Unpin implements kv.Pinner.
func (p pinning) Unpin(ctx context.Context, v kv.Version) error {
	return p.visit(ctx, func(s *occ.Store) error { return s.Unpin(ctx, v) })
}

// operatorsStore is the store as an operator's commands use it.
func (w *world) operatorsStore() *caller {
	m := w.sched.Machine(operatorHost)
	return &caller{storage: w.store, machine: m, env: m}
}

const (
	// backupTries is how often a backup is begun that the weather breaks off.
	backupTries = 5
	// restoreAgain is how long an operator waits before a restore that has failed is begun again.
	restoreAgain = 500 * time.Millisecond
)

// restore backs the store up, and a while later restores it.
func (w *world) restore(args []string) {
	if w.restores.busy {
		return
	}
	w.restores.busy = true
	defer func() { w.restores.busy = false }()
	r := restored{moment: args[0] == "moment"}
	file, ok := w.backUp(&r)
	if !ok {
		return
	}
	w.sleep(duration(args[1]))
	w.stopForRestore()
	r.stopped = w.now()
	if args[2] == "empty" {
		for w.store.occ == nil { // it is being started again
			w.sleep(time.Millisecond)
		}
		if err := w.store.replace(); err != nil {
			w.violate("durable", "an empty store does not open: %v", err)
			return
		}
		w.store.changed()
	}
	w.refill(file, args[2] == "same")
	r.over = w.now()
	w.restores.done = append(w.restores.done, r)
	w.jobs.sights = nil // of what may be gone
	w.counts["restore "+args[0]]++
	w.restores.stopped = false
	for _, name := range w.staying() {
		w.env.Go("boot "+name, func() { w.ensure(name, w.now()+time.Minute) })
	}
}

// backUp makes a backup, and reports whether it did.
func (w *world) backUp(r *restored) (file []byte, ok bool) {
	store := kv.Store(w.operatorsStore())
	if r.moment {
		store = pinning{w.operatorsStore()}
	}
	for range backupTries {
		var out bytes.Buffer
		r.began = w.now()
		header, _, err := backup.Make(w.ctx, w.env, store, &out, backup.Options{})
		r.copied = w.now()
		if err == nil {
			w.events.add(operatorHost, "backup", "%s, since %v", header.Consistency, r.began)
			return out.Bytes(), true
		}
		w.told("backup", err)
		w.sleep(restoreAgain)
	}
	return nil, false
}

// stopForRestore ends all processes of nodes, and has all clients start again.
func (w *world) stopForRestore() {
	w.restores.stopped = true
	for _, name := range slices.Sorted(maps.Keys(w.living)) {
		w.kill(w.living[name], "for a restore")
	}
	for _, k := range w.workers {
		k.restart()
	}
}

// refill restores a backup, however often it must be begun, and checks what comes of it.
func (w *world) refill(file []byte, force bool) {
	store := w.operatorsStore()
	for end := w.now() + w.answerBound() + w.For; ; w.sleep(restoreAgain) {
		r, err := backup.Open(bytes.NewReader(file))
		if err == nil {
			_, err = backup.Restore(w.ctx, w.env, store, r, force, backup.Options{})
		}
		if err == nil {
			break
		}
		w.told("restore", err)
		if w.now() > end {
			w.violate("liveness", "a backup can't be restored: %v", err)
			return
		}
		force = true // something of it is there
	}
	report := func(p backup.Problem) { w.violate("restored", "the check of a restored store finds: %+v", p) }
	_, err := backup.Check(w.ctx, w.env, pinning{store}, report, backup.Options{})
	w.told("check", err)
}

// rerun is what may happen to a job if its actor is restored to before it and another one that it has reached is not:
// what is done by itself, by a message or an alarm, is then done once more. By the same message or alarm it asks others
// under the same keys, and they know what they have done. But what it sends, and alarms that it sets, are others.
type rerun struct {
	// again: it may run again. fresh: as another message or alarm than before. twice: it may be in its log twice.
	again, fresh, twice bool
}

// of is that of a job that is handed on.
func (r rerun) of(st handoff) rerun {
	switch st.How {
	case byCall:
		return rerun{again: r.again, fresh: r.fresh, twice: r.twice || r.fresh}
	case bySend:
		return rerun{again: true, fresh: r.again, twice: r.twice || r.again}
	}
	return rerun{again: true, fresh: r.again, twice: r.twice} // in the log of the same actor
}

// outlived judges a job of which restores may have left something, or nothing, and all that it has handed on: it is
// there at most once, and not at all if it came after the backup.
func (c *onceCheck) outlived(j job, at api.ActorID, left remains, r rerun) {
	if at.Namespace == scratch {
		return // whose handlers judge themselves
	}
	c.remained(j, at, left, r)
	for _, st := range j.Steps {
		c.outlived(st.Job, st.To, left, r.of(st))
	}
}

// remained judges what is left of one job.
func (c *onceCheck) remained(j job, at api.ActorID, left remains, r rerun) {
	found := c.places[j.Name]
	most := 1
	if r.twice && tornApart(c.restores) {
		most = 1 + len(c.restores)
	}
	switch {
	case len(found) > most:
		c.blame("%s was done %d times, as number %d and %d of the log of %s", j.Name, len(found), found[0].n,
			found[1].n, found[1].actor)
	case len(found) > 0 && found[0].actor != at:
		c.blame("%s was done by %s, and not by %s", j.Name, found[0].actor, at)
	case len(found) > 0 && left == gone:
		c.blame("%s is in the log of %s, though it was ordered after the backup that was restored", j.Name, at)
	}
	if n := c.letters[j.Name]; n > most || n > 0 && left == gone {
		c.blame("there are %d dead letters of %s, in spite of a restore", n, j.Name)
	}
	delete(c.letters, j.Name)
}

// handedOn judges a step of a job that is in a backup which is of one moment for each actor alone. Alarms are in the
// same; what others have been asked or sent, later than the job was done, may be in the backup of one and not in
// that of the other.
func (c *onceCheck) handedOn(st handoff, r rerun) {
	r = r.of(st)
	if st.How == bySend || st.How == byCall {
		c.outlived(st.Job, st.To, doubtful, r)
		return
	}
	c.remained(st.Job, st.To, apart, r)
	if len(c.places[st.Job.Name]) == 0 && later(st.Job) == must {
		c.missing = append(c.missing, st.Job.Name)
	}
	for _, next := range st.Job.Steps {
		c.handedOn(next, r)
	}
}

// tornApart reports whether a backup was restored that is not of one moment.
func tornApart(all []restored) bool {
	return slices.ContainsFunc(all, func(r restored) bool { return !r.moment })
}

// orderedOf is a job that was ordered by a name, and what came of it.
type orderedOf struct {
	op  *Op
	key string
}

// restoreWork hands out jobs of all shapes, and orders some again, by their names, that were done before a restore.
func restoreWork(k *worker) {
	shapes := []func(k *worker){nestOne, pairOne, mailOne(true), mailOne(false), chimeOne(true), chimeOne(false),
		againOne}
	var named []orderedOf
	for k.more() {
		k.made++
		switch n := k.random.IntN(8); {
		case n == 0:
			k.orderAgain(named)
		case n == 1:
			k.made += 2
			k.together(3, func() { shapes[k.random.IntN(len(shapes))](k) })
		case n < 4:
			j := k.grower().job()
			op := k.order(jobID(k.random.IntN(jobActors)), j, j.Name)
			named = append(named, orderedOf{op, j.Name})
		default:
			shapes[k.random.IntN(len(shapes))](k)
		}
	}
}

// orderAgain orders a job once more that was done, if it has outlived all restores: its caller is told what it was
// told before.
func (k *worker) orderAgain(named []orderedOf) {
	var left []orderedOf
	for _, o := range named {
		if how := survival(o.op, k.restores.done); o.op.Outcome == OK && (how == whole || how == apart) {
			left = append(left, o)
		}
	}
	if len(left) == 0 || k.restores.busy { // it may be after a backup
		return
	}
	o := left[k.random.IntN(len(left))]
	again := k.order(o.op.Actor, o.op.Input.(job), o.key)
	if again.Outcome == OK && again.Output != o.op.Output {
		k.violate("restored", "%s, and when it was repeated under its name: %s", o.op, again)
	}
}
