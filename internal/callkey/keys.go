// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package callkey

import (
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Keys numbers the calls of one client. It is safe for concurrent use.
type Keys struct {
	client string

	mu sync.Mutex
	// open tells, of the calls from first on, which are not done.
	open  []bool
	first uint64
	// birth is the newest version that the client knows, learnt at a monotonic time.
	birth   uint64
	learned time.Duration
}

// New returns the keys of a client with a name that nobody else has, of up to api.ClientBytesMax bytes.
func New(client string) *Keys { return &Keys{client: client, first: 1} }

// Learn takes note of a version of the store at a monotonic time.
func (k *Keys) Learn(version uint64, now time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if version >= k.birth && version > 0 {
		k.birth, k.learned = version, now
	}
}

// Fresh reports whether a version was learnt less than maxAge before now. Calls that are born from an older one might be
// taken for calls of long ago.
func (k *Keys) Fresh(now, maxAge time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.birth > 0 && now-k.learned < maxAge
}

// Next returns the key of a new call, which is open until Done. A name is a key of the caller's own choice; "" is none.
// Later calls are not born before earlier ones.
func (k *Keys) Next(name string, now time.Time) api.CallKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := api.CallKey{Name: name, Birth: k.birth, Time: now.UnixMicro()}
	if name == "" {
		key.Client, key.Counter, key.Answered = k.client, k.first+uint64(len(k.open)), k.first
		k.open = append(k.open, true)
	}
	return key
}

// Done says that a call is over: nobody will repeat it.
func (k *Keys) Done(key *api.CallKey) {
	if key.Name != "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[key.Counter-k.first] = false
	done := 0
	for done < len(k.open) && !k.open[done] {
		done++
	}
	k.first += uint64(done)
	if k.open = k.open[done:]; len(k.open) == 0 {
		k.open = nil // or its array would only grow
	}
}
