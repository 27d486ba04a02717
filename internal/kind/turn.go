// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"context"
	"log/slog"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Turn is what one run of a handler, or of a hook, has at hand. Time, Seed and Call are the same each time that the
// handler runs for the same call.
type Turn struct {
	// Context ends at the call's deadline and when the caller gives up.
	Context context.Context
	// Actor is whose handler it is.
	Actor api.ActorID
	// KV is the actor's key-value space; nil refuses it.
	KV KV
	// Time is what the handler's clock shows.
	Time time.Time
	// Seed determines the handler's random numbers; nil is the same for all.
	Seed func() [16]byte
	// Call calls a method of another actor with an encoded request, and returns the encoded reply; nil refuses.
	Call func(id api.ActorID, method string, request []byte) ([]byte, error)
	// Schedule takes alarms and sends; nil refuses them.
	Schedule Schedule
	// Logger returns where the handler's log lines go, with actor, method and call named in each; nil discards them.
	Logger func() *slog.Logger
}

// KV is an actor's own ordered key-value space, beside its state struct. Changes are committed together with the
// state, and undone together.
type KV interface {
	// Get returns the encoded value of key, nil if there is none.
	Get(key string) ([]byte, error)
	// Set gives key an encoded value.
	Set(key string, value []byte) error
	// Delete removes key, if it is there.
	Delete(key string) error
	// Range returns up to limit pairs with begin <= key < end, in order of key; end "" is the end of the space.
	Range(begin, end string, limit int) ([]Pair, error)
}

// Pair is a key with its encoded value.
type Pair struct {
	Key   string
	Value []byte
}

// Schedule is what an actor has to do by itself: alarms, and sends to deliver. Changes are committed together with
// the state, and undone together.
type Schedule interface {
	// Clock returns the wall clock of the actor's node.
	Clock() time.Time
	// SetAlarm sets an alarm, in place of the one of that name.
	SetAlarm(a Alarm) error
	// CancelAlarm removes an alarm, and reports whether there was one.
	CancelAlarm(name string) (bool, error)
	// Alarms returns the alarms that are set, in order of name.
	Alarms() []Alarm
	// Send has a method of another actor called, with an encoded request, after the commit.
	Send(id api.ActorID, method string, request []byte) error
}
