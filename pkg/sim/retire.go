// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/binary"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
)

// retired is a namespace that the cluster knows, and that no node hosts any more.
const retired = "retired"

// retireAtOnce is how many of its actors are written in one transaction.
const retireAtOnce = 500

// retire leaves actors behind that have something to do and that nobody can do it for: all others must not wait for
// them. It writes what the nodes that hosted them would have.
func (w *world) retire(args []string) {
	n, _ := strconv.Atoi(args[0])
	m := w.sched.Machine(operatorHost)
	s := w.store.seenFrom(&caller{storage: w.store, machine: m, env: m})
	for from := 0; from < n; from += retireAtOnce {
		ctx, cancel := env.WithTimeout(m, w.ctx, w.callTimeout())
		_, err := kv.Transact(ctx, m, s, kv.TxOptions{}, func(ctx context.Context, tx kv.Tx) (struct{}, error) {
			settings, err := tx.Get(ctx, tuple.Pack("kelpie", "ns", "counter"))
			if err == nil && settings != nil {
				tx.Set(tuple.Pack("kelpie", "ns", retired), settings)
			}
			for i := from; i < min(n, from+retireAtOnce); i++ {
				id := api.ActorID{Namespace: retired, ID: strconv.Itoa(i)}
				tx.Set(tuple.Pack("kelpie", "due", dueShard(id), int64(dueAtOnce), id.Namespace, id.ID),
					append([]byte{recordVersion}, make([]byte, len(incarnation{}))...))
			}
			tx.Atomic(kv.AtomicAdd, tuple.Pack("kelpie", "unattended"), binary.LittleEndian.AppendUint64(nil, 1))
			return struct{}{}, err
		})
		cancel()
		if err != nil {
			w.told("retire", err)
			return
		}
	}
	w.counts["retire"]++
}
