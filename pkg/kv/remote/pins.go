// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"sync"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

var errTooManyPins = errors.New("too many versions are pinned: wait until a backup has ended")

// pins knows which connection keeps which versions readable. A connection that is lost keeps them until they expire,
// for its client may come back and go on with a backup; what several have pinned is not given up by one of them.
type pins struct {
	env   env.Env
	quota *quota
	// order is held by one call of the backend at a time, so that none gives up what another one pins.
	order *env.Mutex

	mu   sync.Mutex
	held map[pinned]*expiry
}

type pinned struct {
	who holder
	at  kv.Version
}

// expiry is when a pin ends that is not made again.
type expiry struct{ timer env.Timer }

func newPins(e env.Env) *pins {
	return &pins{env: e, quota: newQuota(e, pinsMax, pinsShare), order: env.NewMutex(e), held: make(map[pinned]*expiry)}
}

// pin pins a version, 0 a new one, and returns it.
func (p *pins) pin(ctx context.Context, who holder, v kv.Version, backend kv.Pinner) (kv.Version, error) {
	if err := p.order.Lock(ctx); err != nil {
		return 0, err
	}
	defer p.order.Unlock()
	// One that is pinned again takes its own place.
	if !p.remove(pinned{who, v}) && !p.quota.try(who, 1) {
		return 0, kv.ErrUnavailable.With(errTooManyPins)
	}
	v, err := backend.Pin(ctx, v)
	if err != nil {
		p.quota.give(who, 1)
		return 0, err
	}
	if p.remove(pinned{who, v}) { // a new one that is an old one
		p.quota.give(who, 1)
	}
	p.add(pinned{who, v})
	return v, nil
}

// unpin gives up what a connection has pinned.
func (p *pins) unpin(ctx context.Context, who holder, v kv.Version, backend kv.Pinner) error {
	if err := p.order.Lock(ctx); err != nil {
		return err
	}
	defer p.order.Unlock()
	if !p.remove(pinned{who, v}) {
		return nil
	}
	p.quota.give(who, 1)
	if p.has(v) {
		return nil
	}
	return backend.Unpin(ctx, v)
}

func (p *pins) add(what pinned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := new(expiry)
	x.timer = p.env.AfterFunc(kv.PinTime, func() { p.expire(what, x) })
	p.held[what] = x
}

// expire forgets a pin, unless it was made again.
func (p *pins) expire(what pinned, x *expiry) {
	p.mu.Lock()
	current := p.held[what] == x
	if current {
		delete(p.held, what)
	}
	p.mu.Unlock()
	if current {
		p.quota.give(what.who, 1)
	}
}

// remove forgets a pin, whose place is the caller's then, and reports whether there was one.
func (p *pins) remove(what pinned) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, ok := p.held[what]
	if ok {
		x.timer.Stop()
		delete(p.held, what)
	}
	return ok
}

// has reports whether any connection has pinned a version.
func (p *pins) has(v kv.Version) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for what := range p.held { //kelpie:unordered any one will do
		if what.at == v {
			return true
		}
	}
	return false
}

// close stops the timers.
func (p *pins) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.held { //kelpie:unordered each by itself
		x.timer.Stop()
	}
}
