// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"maps"
	"slices"

	"github.com/kelpiehq/kelpie/internal/statekeys"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// source is where messages come from. A peer that is no node can name any sender and number: such messages have marks
// of their own, so that they don't keep out the sender's.
type source struct {
	sender  api.ActorID
	outside bool
}

// SourceOf returns the source that a message has come from.
func SourceOf(c *call.Call) source { return source{c.Sender, c.Flags&api.InvokeOutside != 0} }

func (s source) Key() []byte {
	return statekeys.Mark(s.sender, s.outside)
}

func (s source) compare(to source) int {
	if s.outside != to.outside {
		return bytes.Compare(s.Key(), to.Key())
	}
	return call.CompareActors(s.sender, to.sender)
}

// parseMarkKey reads a key back.
func parseMarkKey(key []byte) (s source, ok bool) {
	t, err := tuple.Unpack(key)
	if err != nil || len(t) != 3 {
		return s, false
	}
	var ok1, ok2 bool
	s.outside = bytes.HasPrefix(key, statekeys.OutsideMarks)
	s.sender.Namespace, ok1 = t[1].(string)
	s.sender.ID, ok2 = t[2].(string)
	return s, ok1 && ok2
}

// HighWater says how far an actor is with the messages of one source, which come in order of their numbers: what has
// that number, or a smaller one, is done and never runs again. Unlike the records of calls a mark is never dropped, so
// a message may come as late as it likes.
type HighWater struct {
	Number uint64
	// Failed is the error with which the one of that number was given up, nil if it was done.
	Failed *api.Error
	// Bound is the number of one that is not done, whose handler has asked others: birth is that of its calls, each
	// time that it runs.
	Bound, Birth uint64
}

func (m *HighWater) bytes(from source) int {
	n := markBytes + len(from.sender.Namespace) + len(from.sender.ID)
	if m.Failed != nil {
		n += len(m.Failed.Message)
	}
	return n
}

func sources(of map[source]HighWater) []source {
	return slices.SortedFunc(maps.Keys(of), source.compare)
}

var errMark = api.Errorf(api.CodeCorruptState, "how far the messages of a sender are done can't be read")

// Encode returns the high-water mark as the store has it.
func (m *HighWater) Encode() []byte {
	b := api.AppendArrayHeader([]byte{markVersion}, markFields+2)
	b = api.AppendUint(b, m.Number)
	if m.Failed == nil {
		b = api.AppendUint(b, uint64(api.CodeOK))
		b = api.AppendString(b, "")
		b = api.AppendString(b, "")
	} else {
		b = api.AppendUint(b, uint64(m.Failed.Code))
		b = api.AppendString(b, m.Failed.Message)
		b = api.AppendString(b, m.Failed.Detail[api.DetailCode])
	}
	b = api.AppendUint(b, m.Bound)
	return api.AppendUint(b, m.Birth)
}

// decodeHighWater reads a mark back. Errors are CodeCorruptState.
func decodeHighWater(value []byte) (m HighWater, err error) {
	if len(value) == 0 || value[0] != markVersion {
		return m, errMark
	}
	d := api.NewDecoder(value[1:])
	fields := d.Array()
	m.Number = d.Uint()
	code, message, detail := api.Code(d.Uint()), d.String(), d.String()
	if fields >= markFields+2 {
		m.Bound, m.Birth = d.Uint(), d.Uint()
	}
	if d.Err() != nil || fields < markFields {
		return m, errMark
	}
	if code != api.CodeOK {
		m.Failed = GivenUp(api.Errorf(code, "%s", message), detail)
	}
	return m, nil
}

// GivenUp makes an error say that a send will not run any more. code is the application's own, or "".
func GivenUp(err *api.Error, code string) *api.Error {
	out := api.Errorf(err.Code, "%s", call.ClipTo(err.Message, DeadErrorBytesMax))
	out.Detail = map[string]string{api.DetailGivenUp: "true"}
	if code != "" {
		out.Detail[api.DetailCode] = call.Clip(code)
	}
	return out
}
