// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"sync"

	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// failing counts what the activations of a node try again that has failed. Few have such: a mailbox has a bit for it.
type failing struct {
	mu  sync.Mutex
	of  map[*Mailbox]call.Failing
	all call.Failing
}

// note takes note of what the activation of a mailbox tries again now. The mailbox's mutex is held.
func (f *failing) note(s *Mailbox, now call.Failing) {
	if now == (call.Failing{}) && !s.fails {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.of[s]
	f.all.Alarms += now.Alarms - before.Alarms
	f.all.Sends += now.Sends - before.Sends
	if s.fails = now != (call.Failing{}); !s.fails {
		delete(f.of, s)
		return
	}
	if f.of == nil {
		f.of = make(map[*Mailbox]call.Failing)
	}
	f.of[s] = now
}

// Failing is how many alarms and messages of active actors have failed, and are tried again.
func (d *Table) Failing() (alarms, sends int) {
	d.failing.mu.Lock()
	defer d.failing.mu.Unlock()
	return int(d.failing.all.Alarms), int(d.failing.all.Sends)
}
