// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"maps"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
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

func (m *mark) bytes(from source) int {
	n := markBytes + len(from.sender.Namespace) + len(from.sender.ID)
	if m.failed != nil {
		n += len(m.failed.Message)
	}
	return n
}

func sources(of map[source]mark) []source {
	return slices.SortedFunc(maps.Keys(of), source.compare)
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
