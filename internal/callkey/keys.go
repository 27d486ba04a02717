// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package callkey

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Keys numbers the calls of one client. It is safe for concurrent use.
type Keys struct {
	client string

	mu   sync.Mutex
	last uint64 // the counter of the last call
	// all are the calls that are open, actors those to each actor that has any.
	all    open
	actors map[api.ActorID]*open
	// birth is the newest version that the client knows, learnt at a monotonic time.
	birth   uint64
	learned time.Duration
}

// New returns the keys of a client with a name that nobody else has, of up to api.ClientBytesMax bytes.
func New(client string) *Keys {
	return &Keys{client: client, actors: make(map[api.ActorID]*open)}
}

// Learn takes note of a version of the store at a monotonic time.
func (k *Keys) Learn(version uint64, now time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if version >= k.birth && version > 0 {
		k.birth, k.learned = version, now
	}
}

// Relearn takes note of a version of the store at a monotonic time, even if it is less than the newest known: the
// store is another one.
func (k *Keys) Relearn(version uint64, now time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.birth, k.learned = version, now
}

// Fresh reports whether a version was learnt less than maxAge before now. Calls that are born from an older one might
// be taken for calls of long ago.
func (k *Keys) Fresh(now, maxAge time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.birth > 0 && now-k.learned < maxAge
}

// Next returns the key of a new call to an actor, which is open until Done. A name is a key of the caller's own
// choice; "" is none.
func (k *Keys) Next(name string, actor api.ActorID, now time.Time) api.CallKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := api.CallKey{Name: name, Birth: k.birth, Time: now.UnixMicro()}
	if name != "" {
		return key
	}
	k.last++
	here := k.actors[actor]
	if here == nil {
		here = new(open)
		k.actors[actor] = here
	}
	key.Client, key.Counter = k.client, k.last
	key.Answered, key.AnsweredHere = k.all.add(k.last), here.add(k.last)
	return key
}

// Done says that a call to an actor is over: nobody will repeat it.
func (k *Keys) Done(key *api.CallKey, actor api.ActorID) {
	if key.Name != "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all.done(key.Counter)
	here := k.actors[actor]
	if here.done(key.Counter); len(here.calls) == 0 {
		delete(k.actors, actor)
	}
}

// open is calls from the oldest open one on, in order of their counters. Those that are done are marked by their
// highest bit.
type open struct {
	calls []uint64
}

const doneBit = 1 << 63

// add adds the newest call, and returns the oldest that is open.
func (o *open) add(counter uint64) (oldest uint64) {
	o.calls = append(o.calls, counter)
	return o.calls[0]
}

func (o *open) done(counter uint64) {
	i, _ := slices.BinarySearchFunc(o.calls, counter, func(c, counter uint64) int {
		return cmp.Compare(c&^doneBit, counter)
	})
	o.calls[i] |= doneBit
	over := 0
	for over < len(o.calls) && o.calls[over]&doneBit != 0 {
		over++
	}
	if o.calls = o.calls[over:]; len(o.calls) == 0 {
		o.calls = nil // or its array would only grow
	}
}
