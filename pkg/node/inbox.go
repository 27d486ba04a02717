// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// marksMax bounds the marks that an activation caches. Beyond it begins anew.
	marksMax = 1000

	markVersion = 1
	// markFields are those of the first version: bound and birth have come later.
	markFields = 4
)

// markPart begins the keys of an actor's marks.
var markPart = tuple.Pack("i")

func markKey(sender api.ActorID) []byte { return tuple.Pack("i", sender.Namespace, sender.ID) }

// mark says how far an actor is with the messages of one sender, which come in order of their numbers: what has that number, or
// a smaller one, is done and never runs again. Unlike the records of calls a mark is never dropped, so a message may come as late as it likes.
type mark struct {
	number uint64
	// failed is the error with which the one of that number was given up, nil if it was done.
	failed *api.Error
	// bound is the number of one that is not done, whose handler has asked others: birth is that of its calls, each time that it runs.
	bound, birth uint64
}

// inbox is the marks of an actor: those of the present batch, and some of those that the store has.
type inbox struct {
	batch, cache map[api.ActorID]mark
}

// mark returns the mark of a sender, the zero mark if it has never sent anything.
func (b *inbox) mark(ctx context.Context, a *activation, sender api.ActorID) (mark, error) {
	if m, ok := b.batch[sender]; ok {
		return m, nil
	}
	m, ok := b.cache[sender]
	if ok || a.spec.Volatile {
		return m, nil
	}
	value, err := a.claim.Get(ctx, markKey(sender))
	if err == nil && value != nil {
		m, err = decodeMark(value)
	}
	if err == nil {
		b.remember(sender, m)
	}
	return m, err
}

func (b *inbox) remember(sender api.ActorID, m mark) {
	if b.cache == nil || len(b.cache) >= marksMax {
		b.cache = make(map[api.ActorID]mark)
	}
	b.cache[sender] = m
}

// set makes a mark part of the batch.
func (b *inbox) set(sender api.ActorID, m mark) {
	if b.batch == nil {
		b.batch = make(map[api.ActorID]mark)
	}
	b.batch[sender] = m
}

func (b *inbox) senders() []api.ActorID {
	return slices.SortedFunc(maps.Keys(b.batch), compareActors)
}

func compareActors(x, y api.ActorID) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.ID, y.ID))
}

func (b *inbox) writes() []registry.Write {
	var out []registry.Write
	for _, sender := range b.senders() {
		m := b.batch[sender]
		out = append(out, registry.Write{Key: markKey(sender), Value: m.encode()})
	}
	return out
}

func (b *inbox) stored() {
	for _, sender := range b.senders() {
		b.remember(sender, b.batch[sender])
	}
	b.batch = nil
}

func (m *mark) encode() []byte {
	b := api.AppendArrayHeader([]byte{markVersion}, markFields+2)
	b = api.AppendUint(b, m.number)
	if m.failed == nil {
		b = api.AppendUint(b, uint64(api.CodeOK))
		b = api.AppendString(b, "")
		b = api.AppendString(b, "")
	} else {
		b = api.AppendUint(b, uint64(m.failed.Code))
		b = api.AppendString(b, m.failed.Message)
		b = api.AppendString(b, m.failed.Detail[api.DetailCode])
	}
	b = api.AppendUint(b, m.bound)
	return api.AppendUint(b, m.birth)
}

// decodeMark reads a mark back. Errors are CodeCorruptState.
func decodeMark(value []byte) (m mark, err error) {
	corrupt := api.Errorf(api.CodeCorruptState, "how far the messages of a sender are done can't be read")
	if len(value) == 0 || value[0] != markVersion {
		return m, corrupt
	}
	d := api.NewDecoder(value[1:])
	fields := d.Array()
	m.number = d.Uint()
	code, message, detail := api.Code(d.Uint()), d.String(), d.String()
	if fields >= markFields+2 {
		m.bound, m.birth = d.Uint(), d.Uint()
	}
	if d.Err() != nil || fields < markFields {
		return m, corrupt
	}
	if code != api.CodeOK {
		m.failed = givenUp(api.Errorf(code, "%s", message), detail)
	}
	return m, nil
}

// givenUp makes an error say that a send will not run any more. code is the application's own, or "".
func givenUp(err *api.Error, code string) *api.Error {
	out := api.Errorf(err.Code, "%s", clipTo(err.Message, deadErrorBytesMax))
	out.Detail = map[string]string{api.DetailGivenUp: "true"}
	if code != "" {
		out.Detail[api.DetailCode] = clip(code)
	}
	return out
}

// runSend runs what another actor has sent, unless that has been done.
func (a *activation) runSend(c *call, calls []*call) (out answer, inTime bool) {
	in := &a.plan().inbox
	last, err := in.mark(c.context(), a, c.sender)
	if err != nil {
		return answer{call: c, err: wireError(err), settled: true}, true
	}
	if c.number <= last.number {
		out = answer{call: c}
		if c.number == last.number && last.failed != nil {
			out.err = last.failed
		}
		return out, true
	}
	if last.bound == c.number {
		c.key.Birth = last.birth
	}
	out, inTime = a.runMethod(c, calls)
	if !inTime || a.asking.refused {
		return out, inTime
	}
	a.sendRun(&out)
	return out, true
}

// sendRun takes note of what became of a message, as part of the batch.
func (a *activation) sendRun(out *answer) {
	c := out.call
	switch {
	case out.err == nil:
		a.agenda.inbox.set(c.sender, mark{number: c.number})
	case c.flags&api.InvokeLastTry != 0 && counts(out.err) && !expired(out):
		failed := wireError(out.err)
		failed = givenUp(failed, failed.Detail[api.DetailCode])
		a.agenda.inbox.set(c.sender, mark{number: c.number, failed: failed})
		out.err = failed
	default:
		return
	}
	out.writes, out.settled = true, false
}

// expired reports whether a call has not run because it came too late.
func expired(out *answer) bool {
	return out.settled && api.CodeOf(out.err) == api.CodeDeadlineExceeded
}
