// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// probePatience is how long a probe waits for an answer, and probeBound how long it may take.
	probePatience, probeBound = 10 * time.Second, 3 * time.Second
	// probeHost is the machine that probes come from.
	probeHost = "probe"
)

// probe asks a node that is cut off from the store for an actor, until that is over: once it must know that it is, it
// says so, and does not hold the call.
func (w *world) probe(name string, over *env.Event) {
	if len(w.Faults) != 1 || !w.on("cut") {
		return // it may be slow for another reason
	}
	w.sleep(2 * w.LeaseTTL)
	pool := rpc.NewPool(w.env, w.network.Transport(w.env, probeHost), rpc.PoolConfig{})
	defer pool.Close()
	body, err := actor.Marshal(struct{}{})
	if err != nil {
		panic("sim: nothing: " + err.Error())
	}
	request := (&api.InvokeRequest{Actor: api.ActorID{Namespace: "counter", ID: "probe"}, Method: "get",
		Body: body}).AppendTo(nil)
	for !over.IsSet() && w.living[name] != nil {
		began, l := w.now(), w.living[name]
		ctx, cancel := env.WithTimeout(w.env, w.ctx, probePatience)
		_, err := pool.Call(ctx, address(name, false), rpc.ClassCall, api.MethodInvoke, request)
		cancel()
		if took := w.now() - began; took > probeBound && !over.IsSet() && l == w.living[name] {
			w.violate("answers", "node %s, which can't reach the store, has held a call for %v: %v", name, took, err)
			return
		}
		w.sleep(w.Heartbeat)
	}
}
