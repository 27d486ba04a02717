// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actortest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// instance is one actor.
type instance struct {
	id     actor.ID
	of     *Actors
	spec   *kind.Spec
	state  any
	kv     memoryKV
	alarms []kind.Alarm // in order of name
	sent   []message    // by the handler that runs
}

// message is one that an actor has sent.
type message struct {
	from, to actor.ID
	method   string
	body     []byte
}

// run runs a handler, and undoes what it did if it fails.
func (at *instance) run(ctx context.Context, readOnly bool, method string, f func(kind.Turn) error) error {
	before, err := codec.Marshal(at.state)
	if err != nil {
		return api.Errorf(api.CodeInternal, "actor %s: its state does not encode: %v", at.id, err)
	}
	kv, alarms := maps.Clone(at.kv), slices.Clone(at.alarms)
	at.sent = nil
	err = f(kind.Turn{
		Context: ctx, Actor: at.id, Time: at.of.now, KV: space{at, readOnly}, Schedule: schedule{at, readOnly},
		Call: func(id actor.ID, method string, request []byte) ([]byte, error) {
			return at.of.CallRaw(ctx, id, method, request)
		},
	})
	after, encodeErr := codec.Marshal(at.state)
	switch {
	case err != nil:
		err = wireError(err)
	case encodeErr != nil:
		err = api.Errorf(api.CodeInternal, "actor %s: %s left a state that does not encode: %v", at.id, method,
			encodeErr)
	case readOnly && !bytes.Equal(before, after):
		err = kind.ReadChanged(at.id, method)
	}
	if err == nil {
		at.of.messages = append(at.of.messages, at.sent...)
		return nil
	}
	at.kv, at.alarms, at.state = kv, alarms, at.spec.NewState()
	if undo := codec.Unmarshal(before, at.state); undo != nil {
		return api.Errorf(api.CodeCorruptState, "actor %s: its state can't be restored: %v", at.id, undo)
	}
	return err
}

// fired takes an alarm out, or sets it for its next time.
func (at *instance) fired(al kind.Alarm) {
	i := slices.IndexFunc(at.alarms, func(set kind.Alarm) bool { return set.Name == al.Name })
	if next, again := al.Next(at.of.now); again {
		at.alarms[i].Due = next
		return
	}
	at.alarms = slices.Delete(at.alarms, i, i+1)
}

// memoryKV is a key-value space: the encoded values by key.
type memoryKV map[string][]byte

// space is an actor's key-value space as a handler has it.
type space struct {
	*instance
	readOnly bool
}

func (s space) Get(key string) ([]byte, error) { return bytes.Clone(s.kv[key]), nil }

func (s space) Set(key string, value []byte) error {
	if s.readOnly {
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't write: key %q", key)
	}
	s.kv[key] = bytes.Clone(value)
	return nil
}

func (s space) Delete(key string) error {
	if s.readOnly {
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't write: key %q", key)
	}
	delete(s.kv, key)
	return nil
}

func (s space) Range(begin, end string, limit int) ([]kind.Pair, error) {
	var out []kind.Pair
	for _, key := range slices.Sorted(maps.Keys(s.kv)) {
		if key >= begin && (end == "" || key < end) && len(out) < limit {
			out = append(out, kind.Pair{Key: key, Value: bytes.Clone(s.kv[key])})
		}
	}
	return out, nil
}

// schedule is what an actor has to do by itself, as a handler has it.
type schedule struct {
	*instance
	readOnly bool
}

func (s schedule) may(what string) error {
	switch {
	case s.readOnly:
		return api.Errorf(api.CodeFailedPrecondition, "a reading method can't %s", what)
	case s.spec.Volatile:
		return api.Errorf(api.CodeFailedPrecondition, "actor %s is volatile: it can't %s", s.id, what)
	}
	return nil
}

func (s schedule) Clock() time.Time { return s.of.now }

func (s schedule) SetAlarm(al kind.Alarm) error {
	if err := s.may("set an alarm"); err != nil {
		return err
	}
	if m := s.spec.Methods[al.Method]; m == nil || m.ReadOnly {
		return api.Errorf(api.CodeInvalidArgument, "actor %s: alarm %q: its kind has no writing method %q", s.id,
			al.Name, al.Method)
	}
	i, found := slices.BinarySearchFunc(s.alarms, al.Name, byName)
	if found {
		s.instance.alarms[i] = al
	} else {
		s.instance.alarms = slices.Insert(s.alarms, i, al)
	}
	return nil
}

func byName(al kind.Alarm, name string) int { return strings.Compare(al.Name, name) }

func (s schedule) CancelAlarm(name string) (bool, error) {
	if err := s.may("cancel an alarm"); err != nil {
		return false, err
	}
	i, found := slices.BinarySearchFunc(s.alarms, name, byName)
	if found {
		s.instance.alarms = slices.Delete(s.alarms, i, i+1)
	}
	return found, nil
}

func (s schedule) Alarms() []kind.Alarm { return slices.Clone(s.alarms) }

func (s schedule) Send(id actor.ID, method string, request []byte) error {
	if err := s.may("send"); err != nil {
		return err
	}
	s.instance.sent = append(s.sent, message{from: s.id, to: id, method: method, body: request})
	return nil
}
