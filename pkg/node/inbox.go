// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// marksMax bounds the marks that the activation of an actor caches that has them in the store. Beyond it begins
	// anew.
	marksMax = 1000
	// markBytes is about what a mark takes in memory, beside names and an error.
	markBytes = 150

	markVersion = 1
	// markFields are those of the first version: bound and birth have come later.
	markFields = 4
)

// markPart begins the keys of an actor's marks, outsideMarkPart those of the marks of senders that somebody has named
// who is no node.
var (
	markPart        = tuple.Pack("i")
	outsideMarkPart = tuple.Pack("j")
)

// source is where messages come from. A peer that is no node can name any sender and number: such messages have marks
// of their own, so that they don't keep out the sender's.
type source struct {
	sender  api.ActorID
	outside bool
}

func sourceOf(c *call) source { return source{c.sender, c.flags&api.InvokeOutside != 0} }

func (s source) key() []byte {
	if s.outside {
		return tuple.Pack("j", s.sender.Namespace, s.sender.ID)
	}
	return tuple.Pack("i", s.sender.Namespace, s.sender.ID)
}

func (s source) compare(to source) int {
	if s.outside != to.outside {
		return bytes.Compare(s.key(), to.key())
	}
	return compareActors(s.sender, to.sender)
}

// parseMarkKey reads a key back.
func parseMarkKey(key []byte) (s source, ok bool) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) != 3 {
		return s, false
	}
	var ok1, ok2 bool
	s.outside = bytes.HasPrefix(key, outsideMarkPart)
	s.sender.Namespace, ok1 = t[1].(string)
	s.sender.ID, ok2 = t[2].(string)
	return s, ok1 && ok2
}

// mark says how far an actor is with the messages of one source, which come in order of their numbers: what has that
// number, or a smaller one, is done and never runs again. Unlike the records of calls a mark is never dropped, so a
// message may come as late as it likes.
type mark struct {
	number uint64
	// failed is the error with which the one of that number was given up, nil if it was done.
	failed *api.Error
	// bound is the number of one that is not done, whose handler has asked others: birth is that of its calls, each
	// time that it runs.
	bound, birth uint64
}

// inbox is the marks of an actor: those of the present batch, and some of those that the store has. A volatile actor
// has no others than those here: it keeps all of them, as long as the state that has what the messages did.
type inbox struct {
	volatile     bool
	batch, cache map[source]mark
	cacheBytes   int
}

// mark returns the mark of a source, the zero mark if nothing has come from it.
func (b *inbox) mark(ctx context.Context, claim *registry.Claim, from source) (mark, error) {
	if m, ok := b.batch[from]; ok {
		return m, nil
	}
	m, ok := b.cache[from]
	if ok || b.volatile {
		return m, nil
	}
	value, err := claim.Get(ctx, from.key())
	if err == nil && value != nil {
		m, err = decodeMark(value)
	}
	if err == nil {
		b.remember(from, m)
	}
	return m, err
}

func (b *inbox) remember(from source, m mark) {
	if b.cache == nil || len(b.cache) >= marksMax && !b.volatile {
		b.cache, b.cacheBytes = make(map[source]mark), 0
	}
	if old, ok := b.cache[from]; ok {
		b.cacheBytes -= old.bytes(from)
	}
	b.cache[from] = m
	b.cacheBytes += m.bytes(from)
}

func (m *mark) bytes(from source) int {
	n := markBytes + len(from.sender.Namespace) + len(from.sender.ID)
	if m.failed != nil {
		n += len(m.failed.Message)
	}
	return n
}

// set makes a mark part of the batch.
func (b *inbox) set(from source, m mark) {
	if b.batch == nil {
		b.batch = make(map[source]mark)
	}
	b.batch[from] = m
}

func sources(of map[source]mark) []source {
	return slices.SortedFunc(maps.Keys(of), source.compare)
}

func compareActors(x, y api.ActorID) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.ID, y.ID))
}

func (b *inbox) writes() (out []registry.Write) {
	for _, from := range sources(b.batch) {
		m := b.batch[from]
		out = append(out, registry.Write{Key: from.key(), Value: m.encode()})
	}
	return out
}

func (b *inbox) stored() {
	for _, from := range sources(b.batch) {
		b.remember(from, b.batch[from])
	}
	b.batch = nil
}

// entries are all marks of a volatile actor, as the store would have them.
func (b *inbox) entries() (out []registry.Entry) {
	for _, from := range sources(b.cache) {
		m := b.cache[from]
		out = append(out, registry.Entry{Key: from.key(), Value: m.encode()})
	}
	return out
}

// load takes entries back. Errors are CodeCorruptState.
func (b *inbox) load(entries []registry.Entry) error {
	for _, e := range entries {
		from, ok := parseMarkKey(e.Key)
		if !ok {
			return errMark
		}
		m, err := decodeMark(e.Value)
		if err != nil {
			return err
		}
		b.remember(from, m)
	}
	return nil
}

var errMark = api.Errorf(api.CodeCorruptState, "how far the messages of a sender are done can't be read")

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
	if len(value) == 0 || value[0] != markVersion {
		return m, errMark
	}
	d := api.NewDecoder(value[1:])
	fields := d.Array()
	m.number = d.Uint()
	code, message, detail := api.Code(d.Uint()), d.String(), d.String()
	if fields >= markFields+2 {
		m.bound, m.birth = d.Uint(), d.Uint()
	}
	if d.Err() != nil || fields < markFields {
		return m, errMark
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
	last, err := in.mark(c.context(), a.claim, sourceOf(c))
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
		a.agenda.inbox.set(sourceOf(c), mark{number: c.number})
	case c.flags&api.InvokeLastTry != 0 && counts(out.err) && !expired(out):
		failed := wireError(out.err)
		failed = givenUp(failed, failed.Detail[api.DetailCode])
		a.agenda.inbox.set(sourceOf(c), mark{number: c.number, failed: failed})
		out.err = failed
	default:
		if api.CodeOf(out.err) == api.CodeDeadlineExceeded && !expired(out) { // the sender can't tell otherwise
			out.err = ran(wireError(out.err))
		}
		return
	}
	out.writes, out.settled = true, false
}

// ran makes an error say that the handler has run.
func ran(err *api.Error) *api.Error {
	out := *err
	out.Detail = maps.Clone(err.Detail)
	if out.Detail == nil {
		out.Detail = make(map[string]string)
	}
	out.Detail[api.DetailRan] = "true"
	return &out
}

// expired reports whether a call has not run because it came too late.
func expired(out *answer) bool {
	return out.settled && api.CodeOf(out.err) == api.CodeDeadlineExceeded
}
