// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/dedup"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// batchBytesMax closes a batch: the store takes 10,000,000 bytes in a transaction and likes far less.
const batchBytesMax = 1_000_000

// Process runs calls in batches and answers them, and reports whether the activation is still good. If not, the calls
// that it has not answered are on their way elsewhere. It stops behind a call that has deleted the actor: rest is for
// another activation.
func (a *Activation) Process(calls []*call.Call) (rest []*call.Call, good bool) {
	single := 0 // how many of the calls did not fit a transaction together
	for {
		if calls = a.servable(calls); len(calls) == 0 {
			return nil, true
		}
		a.mailbox.Answering(calls)
		most, err := a.try(calls)
		if err != nil {
			a.unanswered(nil, calls, err)
			return nil, false
		}
		if limit := a.parts.MaxBatch; most == 0 || limit > 0 && limit < most {
			most = limit
		}
		if single > 0 {
			most, single = 1, single-1
		}
		answers, err := a.runBatch(calls, most)
		if err != nil { // abandoned: the calls are no longer its own
			return nil, false
		}
		err = a.conclude(answers)
		if len(answers) > 1 && kv.IsTooLarge(err) {
			if err = a.revert(); err == nil {
				single = len(answers)
				continue
			}
		}
		rest := calls[len(answers):]
		if call.OutOfReach(err) { // nothing was sent: the calls have not run, and the activation is as it was before
			silent := err
			if err = a.revert(); err == nil {
				a.unproved(answers, silent)
				calls = rest
				continue
			}
		}
		if err == nil {
			err = a.endTrial()
		}
		if err != nil {
			a.unanswered(answers, rest, err)
			return nil, false
		}
		if !a.concluded(answers) || a.Struct.Lost {
			a.unanswered(nil, rest, call.ErrMoved(a.Actor))
			return nil, false
		}
		if a.Destroyed {
			return rest, true
		}
		calls = rest
	}
}

// servable refuses the calls that need the store while that is out of reach, and returns the others.
func (a *Activation) servable(calls []*call.Call) []*call.Call {
	err := a.parts.Contact.Err()
	if err == nil {
		return calls
	}
	var rest []*call.Call
	for _, c := range calls {
		if a.stale(c) {
			rest = append(rest, c)
		} else {
			a.parts.Router.Again(c, err)
		}
	}
	return rest
}

// runBatch runs calls, one after the other, until there is no more or the batch is full. It has at most so many
// calls; 0 is any number.
//
// The error of this and of all that runs a call is call.ErrAbandoned: the actor's code has not returned in time. The
// calls are on their way elsewhere then, and nothing of the activation may be touched.
func (a *Activation) runBatch(calls []*call.Call, most int) (answers []call.Answer, err error) {
	if calls[0].Method == api.MethodDestroy {
		return []call.Answer{a.runDestroy(calls[0])}, nil
	}
	if most == 0 || most > len(calls) {
		most = len(calls)
	}
	answers = make([]call.Answer, 0, most)
	a.Claim.Renew(a.parts.Members.Proof()) // for the births and ages of calls
	for _, c := range calls[:most] {
		if c.Method == api.MethodDestroy || len(answers) > 0 &&
			(a.bytes() > batchBytesMax || a.outbound.methods[c.Method]) {
			break
		}
		a.outbound.begin(len(answers) == 0)
		out, err := a.runCall(c, calls)
		if err != nil {
			return nil, err
		}
		if a.outbound.refused {
			break // it begins the next batch
		}
		answers = append(answers, out)
		if a.broken != nil || a.Struct.Lost {
			break // nothing more can be committed
		}
	}
	return answers, nil
}

// runDestroy deletes the actor for a call, unless it has done so before.
func (a *Activation) runDestroy(c *call.Call) call.Answer {
	a.Claim.Renew(a.parts.Members.Proof())
	if !c.Key.IsZero() {
		if earlier, ok := a.repeated(c); ok {
			return earlier
		}
	}
	out := call.Answer{Call: c, Writes: true, Destroys: true}
	if !c.Key.IsZero() {
		a.dedup.Add(&out, a.Claim.Version())
	}
	return out
}

// runCall runs one call. What a failed one did is undone.
// calls have not been answered.
func (a *Activation) runCall(c *call.Call, calls []*call.Call) (out call.Answer, err error) {
	switch {
	case c.Own:
		return a.runOwn(c, calls)
	case c.Method == api.MethodWake:
		return call.Answer{Call: c}, nil
	case c.Method == api.MethodRetry:
		return a.runRetry(c), nil
	case c.Method == api.MethodCancelAlarm:
		return a.runCancelAlarm(c), nil
	case c.Method == api.MethodDropSends:
		return a.runDropSends(c), nil
	case c.Number != 0:
		return a.runSend(c, calls)
	}
	return a.runMethod(c, calls)
}

// runMethod runs a method for a call, unless that is too late, or a repeat of one that has been done.
func (a *Activation) runMethod(c *call.Call, calls []*call.Call) (out call.Answer, err error) {
	m := a.method(c.Method)
	if m == nil {
		return call.Answer{Call: c, Err: a.Spec.UnknownMethod(c.Method), Settled: true}, nil
	}
	keyed := !c.Key.IsZero() && !m.ReadOnly && !c.Own && c.Number == 0 // those have been told from repeats
	if keyed {
		if earlier, ok := a.repeated(c); ok {
			return earlier, nil
		}
		if err := a.dedup.Admit(&c.Key, a.Claim.Version()); err != nil {
			return call.Answer{Call: c, Err: err, Settled: true}, nil
		}
	}
	now := a.parts.Env.Monotonic() // only now: to tell a repeat may have taken the store
	if now >= c.RunBy() {
		return call.Answer{Call: c, Err: call.ErrExpired(c), Settled: true}, nil
	}
	ctx, cancel := c.HandlerContext(a.parts.Env)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return call.Answer{Call: c, Err: call.WireError(err), Settled: true}, nil
	}
	a.mailbox.Enter(c.Method, c, calls, now, c.RunBy())
	out, err = a.runHandler(ctx, c, m)
	if err == nil && keyed {
		a.dedup.Add(&out, a.Claim.Version())
	}
	return out, err
}

// repeated returns the answer to a call that must not run: because it has run, or because nobody can say that it has
// not.
func (a *Activation) repeated(c *call.Call) (call.Answer, bool) {
	now := a.Claim.Version()
	if dedup.Ahead(&c.Key, now) { // of what this node has seen
		if err := a.prove(); err != nil {
			return call.Answer{Call: c, Err: err, Reroute: true}, true
		}
		// a name may be given any birth: other processes have others
		if now = a.Claim.Version(); c.Key.Birth > now && c.Key.Name == "" {
			return call.Answer{Call: c, Err: dedup.ErrFutureBirth(c, now)}, true
		}
	}
	r, err := a.dedup.Find(c, now)
	switch {
	case err != nil:
		return call.Answer{Call: c, Err: err}, true
	case r == nil:
		return call.Answer{}, false
	}
	out := r.Answer(c)
	if out.Err != nil || r.Away == 0 || len(r.Body) > 0 {
		return out, true
	}
	if out.Body, err = a.fetchReply(c.Context(), r); err != nil {
		return call.Answer{Call: c, Err: err, Reroute: true}, true
	}
	return out, true
}

// fetchReply reads a reply that is kept away from its record.
func (a *Activation) fetchReply(ctx context.Context, r *dedup.Entry) ([]byte, error) {
	begin, end := statekeys.Reply(&r.Key)
	pieces, _, err := a.Claim.Range(ctx, begin, end, 2+api.PayloadBytesMax/statekeys.ChunkBytes)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, r.Away)
	for _, p := range pieces {
		body = append(body, p.Value...)
	}
	if len(body) != r.Away {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: of the reply to call %s, %d of %d bytes are stored",
			a.Actor, call.Clip(r.Key.String()), len(body), r.Away)
	}
	return body, nil
}

// runHandler runs the handler of a call that has not been done before.
func (a *Activation) runHandler(ctx context.Context, c *call.Call, m *kind.Method) (call.Answer, error) {
	a.kv.Begin(ctx, m.ReadOnly)
	if c.Alarm != nil {
		a.schedule.Advance(c.Alarm, a.parts.Env.Now()) // which the handler may change again
	}
	body, failed := a.handle(ctx, c, m)
	if failed != nil {
		failed = cmp.Or(a.rollback(), failed)
	}
	if err := a.mailbox.Leave(); err != nil {
		return call.Answer{}, err
	}
	out := call.Answer{Call: c, Reads: m.ReadOnly, Asked: a.outbound.asked > 0}
	if failed != nil {
		out.Err = a.outbound.verdict(call.WireError(failed))
		return out, nil
	}
	a.keep()
	out.Body, out.Writes = body, !m.ReadOnly
	return out, nil
}

// handle runs a handler, and returns its reply.
func (a *Activation) handle(ctx context.Context, c *call.Call, m *kind.Method) (body []byte, err error) {
	err = a.Guard("method "+m.Name, func() (err error) {
		if m.ReadOnly && a.parts.CheckReads {
			body, err = a.runChecked(a.turn(ctx, c), m, c.Body)
			return err
		}
		body, err = m.Run(a.turn(ctx, c), a.Struct.Value, c.Body)
		if err == nil && !m.ReadOnly {
			err = a.Struct.Encode("method " + m.Name)
		}
		return err
	})
	a.returned(c)
	switch {
	case a.outbound.refused: // whatever the handler made of that
		return nil, call.ErrMoved(a.Actor)
	case a.kv.Err != nil:
		return nil, a.kv.Err
	case err == nil && len(body) > api.PayloadBytesMax:
		return nil, api.Errorf(api.CodeTooLarge, "reply of %d bytes from %s: must have at most %d", len(body),
			a.Actor, api.PayloadBytesMax)
	case err == nil && !m.ReadOnly && !c.Key.IsZero() && !a.dedup.Fits(body, a.Claim.Version()):
		return nil, call.ErrOverloaded(call.RetryAfterMax, "actor %s: it keeps replies of %d bytes for callers that "+
			"may ask again, and has no room for one of %d", a.Actor, a.dedup.Bodies, len(body))
	}
	return body, err
}

// runChecked runs a reading method, and fails if it has changed the state: the caller then undoes that.
func (a *Activation) runChecked(t kind.Turn, m *kind.Method, request []byte) ([]byte, error) {
	before, err := codec.Marshal(a.Struct.Value)
	if err != nil {
		return nil, err
	}
	body, failed := m.Run(t, a.Struct.Value, request)
	after, err := codec.Marshal(a.Struct.Value)
	if err != nil || bytes.Equal(before, after) {
		return body, cmp.Or(failed, err)
	}
	a.parts.Log.Error("a reading method has changed the state: the change is undone", "actor", a.Actor.String(),
		"method", m.Name)
	if a.parts.ReadChanged != nil {
		a.parts.ReadChanged(a.Actor, m.Name)
	}
	return nil, kind.ReadChanged(a.Actor, m.Name)
}

// conclude commits what the answers rest on, or proves it. A call that does not fit a transaction alone has failed,
// and no other.
func (a *Activation) conclude(answers []call.Answer) error {
	if a.broken != nil {
		return a.broken
	}
	writes := a.writesOf(answers)
	if len(writes) == 0 && a.Claim.Trial().Marked() {
		return a.clearMark(answers[0].Call)
	}
	if len(writes) == 0 {
		if needProof(answers, actor.Consistency(a.parts.Members.Settings(a.Actor.Namespace).Consistency)) {
			return a.prove()
		}
		return nil
	}
	a.Claim.Renew(a.parts.Members.Proof())
	err := a.commit(writes)
	if len(answers) > 1 || !kv.IsTooLarge(err) {
		return err
	}
	c := answers[0].Call
	answers[0] = call.Answer{Call: c, Err: api.Errorf(api.CodeTooLarge, "actor %s: what method %s writes does not "+
		"fit a "+
		"transaction: %v", a.Actor, call.Clip(c.Method), err)}
	if err := a.revert(); err != nil {
		return err
	}
	return a.unfit(&answers[0])
}

// commit commits, and measures how long that takes.
func (a *Activation) commit(writes []registry.Write) error {
	began := a.parts.Env.Monotonic()
	err := a.Claim.Commit(a.parts.Ctx, writes)
	if err == nil {
		a.parts.Meter.Commits.Add(a.parts.Env.Monotonic() - began)
	}
	return err
}

// unfit takes note that what an alarm or a message wrote does not fit a transaction.
func (a *Activation) unfit(out *call.Answer) error {
	switch {
	case out.Call.Alarm != nil:
		a.alarmFailed(out)
	case out.Call.Number != 0:
		a.sendRun(out)
	}
	if !out.Writes {
		return a.prove() // the failure shows state
	}
	return a.Claim.Commit(a.parts.Ctx, a.changes())
}

// kept notes that what the activation has changed is committed.
func (a *Activation) kept() {
	due := a.schedule.DueAt()
	for _, d := range a.schedule.Dying() {
		a.parts.Events.Sum(
			api.Event{Kind: api.EventDeadLetter, Node: a.parts.NodeID, Actor: a.Actor.String(), Cause: d.Error})
	}
	a.stored()
	if a.Sending() && a.schedule.Deliveries == nil {
		a.deliver(false)
	}
	if due != 0 || a.DueAt() != 0 {
		a.arm()
	}
}

// writesOf are what a commit writes for answers.
func (a *Activation) writesOf(answers []call.Answer) []registry.Write {
	if len(a.dedup.Added) > 0 {
		a.dedup.Age(a.Claim.Version())
	}
	if answers[0].Destroys && !a.Spec.Volatile {
		out := []registry.Write{{Key: statekeys.Struct, End: kv.PrefixEnd(statekeys.Struct)},
			{Key: statekeys.KV, End: kv.PrefixEnd(statekeys.KV)}}
		if a.Unreadable {
			out = append(out, registry.Write{Key: statekeys.Dedup, End: kv.PrefixEnd(statekeys.Dedup)},
				registry.Write{Key: statekeys.Replies, End: kv.PrefixEnd(statekeys.Replies)})
		}
		return slices.Concat(out, a.schedule.Clearing(a.Claim), a.dedup.Writes())
	}
	return a.changes()
}

// changes are what the activation has changed and not committed.
func (a *Activation) changes() []registry.Write {
	if a.Spec.Volatile {
		return nil
	}
	if a.schedule != nil {
		a.schedule.Collect()
		a.crowd(a.parts.Ctx)
	}
	return a.writes(a.Claim, a.parts.Env.Now().UnixMilli())
}

// concluded answers everybody.
func (a *Activation) concluded(answers []call.Answer) bool {
	good := true
	if answers[0].Destroys {
		a.Struct.Chunks = 0
		good = a.Struct.Clear() == nil
		a.kv.Forget()
		a.Ended()
		a.parts.Outboxes.Drop(a.Actor)
		a.schedule, a.Destroyed = nil, true
		a.parts.Timers.Set(a.Actor, 0)
	}
	a.kept()
	a.answered(answers)
	for _, out := range answers {
		if out.Reroute {
			a.parts.Router.Again(out.Call, out.Err)
			continue
		}
		if out.Later {
			continue
		}
		out.Call.Finish(out.Body, "", out.Err)
	}
	return good
}

// unanswered sends on the calls of a batch that could not be concluded, err saying whether it may have been
// committed, and those that have not been run.
func (a *Activation) unanswered(answers []call.Answer, rest []*call.Call, err error) {
	doubt := api.CodeOf(err) == api.CodeUnknown
	for i := range answers {
		why := err
		switch c := answers[i].Call; {
		case answers[i].Asked && c.Number == 0 && c.Alarm == nil: // those ask under the birth that they had (R10)
			why = errAsked(a.Actor, err)
		case doubt && !answers[i].Writes:
			why = call.ErrMoved(a.Actor) // a call that only read has had no effect
		}
		a.parts.Router.Again(answers[i].Call, why)
	}
	for _, c := range rest {
		a.parts.Router.Again(c, call.ErrMoved(a.Actor))
	}
}

// unproved answers the calls of a batch that was undone, as the store is out of reach. What a handler asked of other
// actors is not undone.
func (a *Activation) unproved(answers []call.Answer, silent error) {
	for i := range answers {
		err := silent
		if answers[i].Asked {
			err = errAsked(a.Actor, silent)
		}
		a.parts.Router.Again(answers[i].Call, err)
	}
}

// errAsked is the error of a call that is undone, and whose handler has asked others: what they did is not (R12).
func errAsked(id api.ActorID, why error) error {
	return api.Errorf(api.CodeUnknown, "actor %s: a call that it made may have had its effect, and then: %v", id, why)
}

// stale reports whether a call is answered from memory, without the store.
func (a *Activation) stale(c *call.Call) bool {
	m := a.Spec.Methods[c.Method]
	mayBe := c.Flags&api.InvokeStale != 0 ||
		actor.Consistency(a.parts.Members.Settings(a.Actor.Namespace).Consistency) == actor.Stale
	return mayBe && m != nil && m.ReadOnly
}

// needProof reports whether an answer shows state. So do errors: a handler decided them by what it saw.
func needProof(answers []call.Answer, c actor.Consistency) bool {
	for _, a := range answers {
		stale := c == actor.Stale || a.Call.Flags&api.InvokeStale != 0
		if !a.Settled && !(stale && a.Reads) {
			return true
		}
	}
	return false
}

// prove has the store confirm that the claim was held after the calls had arrived.
func (a *Activation) prove() error {
	proof, err := a.parts.Barrier.Wait(a.parts.Ctx)
	if err != nil {
		return err
	}
	return a.Claim.Check(a.parts.Ctx, proof)
}
