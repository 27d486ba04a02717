// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// batchBytesMax closes a batch: the store takes 10,000,000 bytes in a transaction and likes far less.
const batchBytesMax = 1_000_000

// activation is an actor in memory: its claim and its cached state.
type activation struct {
	node   *Node
	slot   *slot
	actor  api.ActorID
	spec   *actor.Spec
	claim  *registry.Claim
	memory *memory
	space  *space
	ledger *ledger
	agenda *agenda // nil for most
	asking asking
	// destroyed actors are deactivated without their hook.
	destroyed bool
	// unreadable is whether what is stored of the actor can't be read: it can only be deleted.
	unreadable bool
	// panicked says that the author's code that has run last has panicked.
	panicked bool
	// broken is why nothing more can be committed, if that was found out while a handler ran.
	broken *api.Error
}

// answer is what a call in a batch will be told, once it may be.
type answer struct {
	call *call
	body []byte
	err  error
	// settled answers rest on nothing that another node could have changed, such as a malformed request.
	settled bool
	// writes is whether the call may have changed something.
	writes bool
	// reads is whether it is the answer of a reading method.
	reads bool
	// destroys is whether the actor is deleted with it.
	destroys bool
	// reroute is whether the call could not be dealt with here, as err tells, and is to be routed again.
	reroute bool
	// asked is whether the handler has called other actors.
	asked bool
}

// process runs calls in batches and answers them, and reports whether the activation is still good. If not, the calls
// that it has not answered are on their way elsewhere. It stops behind a call that has deleted the actor: rest is for
// another activation.
func (a *activation) process(calls []*call) (rest []*call, good bool) {
	single := 0 // how many of the calls did not fit a transaction together
	for {
		if calls = a.servable(calls); len(calls) == 0 {
			return nil, true
		}
		a.slot.answering(calls)
		most, err := a.try(calls)
		if err != nil {
			a.unanswered(nil, calls, err)
			return nil, false
		}
		if limit := a.node.config.MaxBatch; most == 0 || limit > 0 && limit < most {
			most = limit
		}
		if single > 0 {
			most, single = 1, single-1
		}
		answers, inTime := a.runBatch(calls, most)
		if !inTime {
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
		if outOfReach(err) { // nothing was sent: the calls have not run, and the activation is as it was before
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
		if !a.concluded(answers) || a.memory.lost {
			a.unanswered(nil, rest, errMoved(a.actor))
			return nil, false
		}
		if a.destroyed {
			return rest, true
		}
		calls = rest
	}
}

// servable refuses the calls that need the store while that is out of reach, and returns the others.
func (a *activation) servable(calls []*call) []*call {
	err := a.node.contact.err()
	if err == nil {
		return calls
	}
	var rest []*call
	for _, c := range calls {
		if a.stale(c) {
			rest = append(rest, c)
		} else {
			a.node.router.again(c, err)
		}
	}
	return rest
}

// runBatch runs calls, one after the other, until there is no more or the batch is full. It has at most so many
// calls; 0 is any number. It reports whether the handlers have returned in time: otherwise the calls are no longer
// its own.
func (a *activation) runBatch(calls []*call, most int) (answers []answer, inTime bool) {
	if calls[0].method == api.MethodDestroy {
		return []answer{a.runDestroy(calls[0])}, true
	}
	if most == 0 || most > len(calls) {
		most = len(calls)
	}
	answers = make([]answer, 0, most)
	a.claim.Renew(a.node.keeper.proof()) // for the births and ages of calls
	for _, c := range calls[:most] {
		if c.method == api.MethodDestroy || len(answers) > 0 &&
			(a.batchBytes() > batchBytesMax || a.asking.methods[c.method]) {
			break
		}
		a.asking.begin(len(answers) == 0)
		out, inTime := a.runCall(c, calls)
		if !inTime {
			return nil, false
		}
		if a.asking.refused {
			break // it begins the next batch
		}
		answers = append(answers, out)
		if a.broken != nil || a.memory.lost {
			break // nothing more can be committed
		}
	}
	return answers, true
}

// batchBytes is about what the batch takes in a transaction so far.
func (a *activation) batchBytes() int {
	return a.space.bytes + len(a.memory.kept) + a.agenda.batchBytes() + a.ledger.batchBytes()
}

// runDestroy deletes the actor for a call, unless it has done so before.
func (a *activation) runDestroy(c *call) answer {
	a.claim.Renew(a.node.keeper.proof())
	if !c.key.IsZero() {
		if earlier, ok := a.repeated(c); ok {
			return earlier
		}
	}
	out := answer{call: c, writes: true, destroys: true}
	if !c.key.IsZero() {
		a.ledger.add(&out, a.claim.Version())
	}
	return out
}

// runCall runs one call. What a failed one did is undone.
// calls have not been answered. Unless the handler returns in time, nothing must be done any more.
func (a *activation) runCall(c *call, calls []*call) (out answer, inTime bool) {
	switch {
	case c.own:
		return a.runOwn(c, calls)
	case c.method == api.MethodWake:
		return answer{call: c}, true
	case c.method == api.MethodRetry:
		return a.runRetry(c), true
	case c.number != 0:
		return a.runSend(c, calls)
	}
	return a.runMethod(c, calls)
}

// runMethod runs a method for a call, unless that is too late, or a repeat of one that has been done.
func (a *activation) runMethod(c *call, calls []*call) (out answer, inTime bool) {
	m := a.spec.Methods[c.method]
	if m == nil {
		return answer{
			call: c, err: api.Errorf(api.CodeUnknownMethod, "namespace %q has no method %q", a.actor.Namespace,
				clip(c.method)), settled: true}, true
	}
	keyed := !c.key.IsZero() && !m.ReadOnly && !c.own && c.number == 0 // those have been told from repeats
	if keyed {
		if earlier, ok := a.repeated(c); ok {
			return earlier, true
		}
		if err := a.ledger.admit(&c.key, a.claim.Version()); err != nil {
			return answer{call: c, err: err, settled: true}, true
		}
	}
	now := a.node.env.Monotonic() // only now: to tell a repeat may have taken the store
	if now >= c.runBy() {
		return answer{call: c, err: errExpired(c), settled: true}, true
	}
	ctx, cancel := c.handlerContext(a.node.env)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return answer{call: c, err: wireError(err), settled: true}, true
	}
	a.slot.enter(c.method, c, calls, now, c.runBy())
	out, inTime = a.runHandler(ctx, c, m)
	if !inTime {
		return out, false
	}
	if keyed {
		a.ledger.add(&out, a.claim.Version())
	}
	return out, true
}

// repeated returns the answer to a call that must not run: because it has run, or because nobody can say that it has
// not.
func (a *activation) repeated(c *call) (answer, bool) {
	now := a.claim.Version()
	if ahead(&c.key, now) { // of what this node has seen
		if err := a.prove(); err != nil {
			return answer{call: c, err: err, reroute: true}, true
		}
		// a name may be given any birth: other processes have others
		if now = a.claim.Version(); c.key.Birth > now && c.key.Name == "" {
			return answer{call: c, err: errFutureBirth(c, now)}, true
		}
	}
	r, err := a.ledger.find(c, now)
	switch {
	case err != nil:
		return answer{call: c, err: err}, true
	case r == nil:
		return answer{}, false
	}
	out := r.answer(c)
	if out.err != nil || r.away == 0 || len(r.body) > 0 {
		return out, true
	}
	if out.body, err = a.fetchReply(c.context(), r); err != nil {
		return answer{call: c, err: err, reroute: true}, true
	}
	return out, true
}

// fetchReply reads a reply that is kept away from its record.
func (a *activation) fetchReply(ctx context.Context, r *record) ([]byte, error) {
	begin, end := bodyRange(&r.key)
	pieces, _, err := a.claim.Range(ctx, begin, end, 2+api.PayloadBytesMax/chunkBytes)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, r.away)
	for _, p := range pieces {
		body = append(body, p.Value...)
	}
	if len(body) != r.away {
		return nil, api.Errorf(api.CodeCorruptState, "actor %s: of the reply to call %s, %d of %d bytes are stored",
			a.actor, clip(r.key.String()), len(body), r.away)
	}
	return body, nil
}

// runHandler runs the handler of a call that has not been done before.
func (a *activation) runHandler(ctx context.Context, c *call, m *actor.MethodSpec) (out answer, inTime bool) {
	a.begin(ctx, m.ReadOnly)
	if c.alarm != nil {
		a.agenda.advance(c.alarm, a.node.env.Now()) // which the handler may change again
	}
	body, state, err := a.handle(ctx, c, m)
	if err != nil {
		err = cmp.Or(a.memory.rollback(), err)
	}
	if !a.slot.leave() {
		return out, false
	}
	if err == nil {
		a.memory.keep(state)
		a.space.keep()
		a.agenda.keep()
		return answer{call: c, body: body, writes: !m.ReadOnly, reads: m.ReadOnly, asked: a.asking.asked > 0}, true
	}
	a.agenda.begin()
	return answer{call: c, err: a.asking.verdict(wireError(err)), reads: m.ReadOnly, asked: a.asking.asked > 0}, true
}

// handle runs a handler, and returns its reply and, of a writing method, the state that it leaves.
func (a *activation) handle(ctx context.Context, c *call, m *actor.MethodSpec) (body, state []byte, err error) {
	err = a.guard("method "+m.Name, func() (err error) {
		body, err = m.Run(actor.NewContext(ctx, a.actor, a.space).WithTurn(a.turn(ctx, c)), a.memory.value, c.body)
		if err == nil && !m.ReadOnly {
			state, err = a.memory.encode("method " + m.Name)
		}
		return err
	})
	a.returned(c)
	switch {
	case a.asking.refused: // whatever the handler made of that
		return nil, nil, errMoved(a.actor)
	case a.space.err != nil:
		return nil, nil, a.space.err
	case err == nil && len(body) > api.PayloadBytesMax:
		return nil, nil, api.Errorf(api.CodeTooLarge, "reply of %d bytes from %s: must have at most %d", len(body),
			a.actor, api.PayloadBytesMax)
	case err == nil && !m.ReadOnly && !c.key.IsZero() && !a.ledger.fits(body, a.claim.Version()):
		return nil, nil, errOverloaded(retryAfterMax, "actor %s: it keeps replies of %d bytes for callers that may "+
			"ask again, and has no room for one of %d", a.actor, a.ledger.bodies, len(body))
	}
	return body, state, err
}

// conclude commits what the answers rest on, or proves it. A call that does not fit a transaction alone has failed,
// and no other.
func (a *activation) conclude(answers []answer) error {
	if a.broken != nil {
		return a.broken
	}
	writes := a.writes(answers)
	if len(writes) == 0 && a.claim.Trial().Marked() {
		return a.clearMark(answers[0].call)
	}
	if len(writes) == 0 {
		if needProof(answers, actor.Consistency(a.node.settings(a.actor.Namespace).Consistency)) {
			return a.prove()
		}
		return nil
	}
	a.claim.Renew(a.node.keeper.proof())
	err := a.commit(writes)
	if len(answers) > 1 || !kv.IsTooLarge(err) {
		return err
	}
	c := answers[0].call
	answers[0] = answer{call: c, err: api.Errorf(api.CodeTooLarge, "actor %s: what method %s writes does not fit a "+
		"transaction: %v", a.actor, clip(c.method), err)}
	if err := a.revert(); err != nil {
		return err
	}
	return a.unfit(&answers[0])
}

// commit commits, and measures how long that takes.
func (a *activation) commit(writes []registry.Write) error {
	began := a.node.env.Monotonic()
	err := a.claim.Commit(a.node.ctx, writes)
	if err == nil {
		a.node.meter.commits.add(a.node.env.Monotonic() - began)
	}
	return err
}

// unfit takes note that what an alarm or a message wrote does not fit a transaction.
func (a *activation) unfit(out *answer) error {
	switch {
	case out.call.alarm != nil:
		a.alarmFailed(out)
	case out.call.number != 0:
		a.sendRun(out)
	}
	if !out.writes {
		return a.prove() // the failure shows state
	}
	return a.claim.Commit(a.node.ctx, a.changes())
}

// kept notes that what the activation has changed is committed.
func (a *activation) kept() {
	a.memory.stored()
	a.space.stored()
	a.ledger.stored()
	a.keptAgenda()
}

// begin prepares for a handler.
func (a *activation) begin(ctx context.Context, readOnly bool) {
	a.space.begin(ctx, readOnly)
	a.agenda.begin()
}

// revert undoes the batch.
func (a *activation) revert() error {
	a.space.reset()
	a.ledger.revert()
	a.agenda.revert()
	return a.memory.revert()
}

func (a *activation) writes(answers []answer) []registry.Write {
	if len(a.ledger.added) > 0 {
		a.ledger.age(a.claim.Version())
	}
	if answers[0].destroys && !a.spec.Volatile {
		out := []registry.Write{{Key: structPart, End: kv.PrefixEnd(structPart)},
			{Key: spacePart, End: kv.PrefixEnd(spacePart)}}
		if a.unreadable {
			out = append(out, registry.Write{Key: recordPart, End: kv.PrefixEnd(recordPart)},
				registry.Write{Key: bodyPart, End: kv.PrefixEnd(bodyPart)})
		}
		return slices.Concat(out, a.agenda.clearing(a.claim), a.ledger.writes())
	}
	return a.changes()
}

// changes are what the activation has changed and not committed.
func (a *activation) changes() []registry.Write {
	if a.spec.Volatile {
		return nil
	}
	if a.agenda != nil {
		a.agenda.collect()
		a.crowd(a.node.ctx)
	}
	return slices.Concat(a.memory.writes(), a.space.writes(), a.ledger.writes(),
		a.agenda.writes(a.claim, a.node.env.Now().UnixMilli()))
}

// concluded answers everybody.
func (a *activation) concluded(answers []answer) bool {
	good := true
	if answers[0].destroys {
		a.memory.chunks = 0
		good = a.memory.clear() == nil
		a.space.forget()
		a.ended()
		a.node.couriers.drop(a.actor)
		a.agenda, a.destroyed = nil, true
		a.node.timers.set(a.actor, 0)
	}
	a.kept()
	a.answered(answers)
	for _, out := range answers {
		if out.reroute {
			a.node.router.again(out.call, out.err)
			continue
		}
		out.call.finish(out.body, "", out.err)
	}
	return good
}

// unanswered sends on the calls of a batch that could not be concluded, err saying whether it may have been
// committed, and those that have not been run.
func (a *activation) unanswered(answers []answer, rest []*call, err error) {
	doubt := api.CodeOf(err) == api.CodeUnknown
	for i := range answers {
		why := err
		switch c := answers[i].call; {
		case answers[i].asked && c.number == 0 && c.alarm == nil: // those ask under the birth that they had (R10)
			why = errAsked(a.actor, err)
		case doubt && !answers[i].writes:
			why = errMoved(a.actor) // a call that only read has had no effect
		}
		a.node.router.again(answers[i].call, why)
	}
	for _, c := range rest {
		a.node.router.again(c, errMoved(a.actor))
	}
}

// unproved answers the calls of a batch that was undone, as the store is out of reach. What a handler asked of other
// actors is not undone.
func (a *activation) unproved(answers []answer, silent error) {
	for i := range answers {
		err := silent
		if answers[i].asked {
			err = errAsked(a.actor, silent)
		}
		a.node.router.again(answers[i].call, err)
	}
}

// errAsked is the error of a call that is undone, and whose handler has asked others: what they did is not (R12).
func errAsked(id api.ActorID, why error) error {
	return api.Errorf(api.CodeUnknown, "actor %s: a call that it made may have had its effect, and then: %v", id, why)
}

// stale reports whether a call is answered from memory, without the store.
func (a *activation) stale(c *call) bool {
	m := a.spec.Methods[c.method]
	mayBe := c.flags&api.InvokeStale != 0 ||
		actor.Consistency(a.node.settings(a.actor.Namespace).Consistency) == actor.Stale
	return mayBe && m != nil && m.ReadOnly
}

// needProof reports whether an answer shows state. So do errors: a handler decided them by what it saw.
func needProof(answers []answer, c actor.Consistency) bool {
	for _, a := range answers {
		stale := c == actor.Stale || a.call.flags&api.InvokeStale != 0
		if !a.settled && !(stale && a.reads) {
			return true
		}
	}
	return false
}

// prove has the store confirm that the claim was held after the calls had arrived.
func (a *activation) prove() error {
	proof, err := a.node.barrier.wait(a.node.ctx)
	if err != nil {
		return err
	}
	return a.claim.Check(a.node.ctx, proof)
}

func isStoreError(err error) bool {
	var store *kv.Error
	return errors.As(err, &store)
}

// wireError gives a handler's error the code that the caller sees.
func wireError(err error) *api.Error {
	var app *actor.Error
	var coded *api.Error
	switch {
	case errors.As(err, &app):
		e := api.Errorf(api.CodeApplication, "%s", app.Message)
		e.Detail = map[string]string{api.DetailCode: app.Code}
		return e
	case errors.As(err, &coded):
		return coded
	case isStoreError(err):
		return api.Errorf(api.CodeUnavailable, "%v", err)
	case errors.Is(err, context.DeadlineExceeded): // of the call, not a decision of the actor's
		return api.Errorf(api.CodeDeadlineExceeded, "%v", err)
	case errors.Is(err, context.Canceled):
		return api.Errorf(api.CodeCancelled, "%v", err)
	}
	return api.Errorf(api.CodeApplication, "%v", err)
}

func errExpired(c *call) error {
	return api.Errorf(api.CodeDeadlineExceeded, "actor %s: the deadline passed before the call could run", c.actor)
}

func errMoved(id api.ActorID) *api.Error {
	return api.Errorf(api.CodeMoved, "actor %s has moved", id)
}
