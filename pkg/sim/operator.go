// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// operatorHost is the machine that an operator's commands come from.
const operatorHost = "operator"

func (w *world) breakLease(args []string) {
	// It is to be fenced at any time until the order is done or given up: an order may wait long for a node that
	// answers.
	w.breaking[args[0]]++
	reply, err := operate[api.LeaseBreakRequest, api.LeaseBreakReply](w, api.MethodLeaseBreak,
		&api.LeaseBreakRequest{Node: args[0]})
	w.breaking[args[0]]--
	w.told("break-lease "+args[0], err)
	if err == nil && reply.Broken {
		w.counts["break-lease"]++
	}
	for _, l := range w.lives {
		if l.name == args[0] {
			l.harm() // a node that no longer hears the operator may still do it
		}
	}
}

// doubt is how far a node is that loses its lease, and does not learn whether it has joined again.
type doubt uint8

const (
	certain   doubt = iota
	awaited         // it is to join again
	withheld        // it has joined, and is not told
	discarded       // and has been fenced since
)

// rejoin breaks a node's lease, and breaks it again when the node has joined, before it is told.
func (w *world) rejoin(args []string) {
	l := w.life(args[0])
	if l == nil || !l.started || l.doubt != certain {
		return
	}
	l.doubt = awaited
	w.breakLease(args)
	for end := w.now() + 2*w.LeaseTTL; w.now() < end && l.doubt == awaited && !l.ended; {
		w.sleep(time.Millisecond)
	}
	if l.doubt == withheld && !l.ended {
		w.counts["rejoin"]++
		w.breakLease(args)
	}
	l.doubt = discarded
}

// withhold keeps the answer to a commit back by which a node joins again, for a fault that fences it meanwhile, and
// reports whether it has.
func (c *caller) withhold(tx *ryw.Commit) bool {
	if c.life == nil || c.life.doubt != awaited || !joins(tx, c.life.name) {
		return false
	}
	c.life.doubt = withheld
	for c.life.doubt == withheld && !c.life.ended {
		c.harm()
		_ = env.Sleep(c.storage.machine, c.ctx, time.Millisecond) // only the end of the machine ends it
	}
	c.life.doubt = certain
	return true
}

// joins reports whether a transaction gives a node its lease.
func joins(tx *ryw.Commit, node string) bool {
	for _, m := range tx.Mutations {
		k := describeKey(m.Key)
		if m.Kind == ryw.MutationSet && k.kind == keyFence && k.node == node {
			return decode[fenceRecord](m.Value).Incarnation != incarnation{}
		}
	}
	return false
}

func (w *world) breakClaim(args []string) {
	reply, err := operate[api.ClaimBreakRequest, api.ClaimBreakReply](w, api.MethodClaimBreak,
		&api.ClaimBreakRequest{Actor: args[0]})
	w.told("break-claim "+args[0], err)
	if err == nil && reply.Broken {
		w.counts["break-claim"]++
	}
}

// quarantinesLookedAt is how often the operator looks for quarantined actors.
const quarantinesLookedAt = 5 * time.Second

// watchQuarantines clears what is quarantined until the run ends, as an operator does who knows that no actor harms
// its node: from outside, a node that dies by chance while one runs again what died with another looks the same.
func (w *world) watchQuarantines() {
	for !w.ended {
		w.sleep(quarantinesLookedAt)
		reply, err := operate[api.QuarantinesRequest, api.QuarantinesReply](w, api.MethodQuarantines,
			&api.QuarantinesRequest{})
		if err != nil {
			continue // nobody answers now
		}
		for _, q := range reply.Quarantines {
			if w.poisoned(q) {
				continue
			}
			_, err := operate[api.QuarantineRequest, api.QuarantineReply](w, api.MethodQuarantineClear,
				&api.QuarantineRequest{Actor: q.Actor})
			w.events.add(operatorHost, "cleared", "%s, quarantined: %v", q.Actor, err)
			switch {
			case err != nil:
			case len(q.Versions) > 0:
				w.counts["quarantine"]++
			default:
				w.counts["held-back"]++
			}
		}
	}
}

func (w *world) told(what string, err error) {
	if err != nil {
		w.events.add(operatorHost, "refused", "%s: %v", what, err)
	}
}

// operate calls a method of the first node that answers, as a command of `kelpie` does.
func operate[Req, Resp any](w *world, method string, req *Req) (resp *Resp, err error) {
	pool := rpc.NewPool(w.env, w.network.Transport(w.env, operatorHost), rpc.PoolConfig{})
	defer pool.Close()
	for _, addr := range w.addresses() {
		ctx, cancel := env.WithTimeout(w.env, w.ctx, 3*time.Second)
		resp, err = rpc.CallTyped[Req, Resp](ctx, pool, addr, method, req)
		cancel()
		if err == nil {
			return resp, nil
		}
	}
	return nil, err
}
