// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// straggler is a client that never says which answers it has, and makes calls of long ago again, as copies that were
// held up somewhere would. Each of them must have its effect once, however many records the actor has dropped
// meanwhile.
type straggler struct {
	*worker
	pool  *rpc.Pool
	birth uint64
	made  []straggled
}

// straggled is a call with the request that was sent.
type straggled struct {
	op   *Op
	body []byte
}

func lateWork(k *worker) {
	s := &straggler{worker: k, pool: rpc.NewPool(k.env, k.network.Transport(k.env, k.name), rpc.PoolConfig{})}
	defer s.pool.Close()
	for k.more() {
		switch {
		case s.birth == 0:
			s.learnBirth()
		case len(s.made) > 0 && k.random.IntN(3) == 0:
			s.repeat(s.made[k.random.IntN(len(s.made))])
		default:
			s.append(k.target("late"))
		}
	}
}

// anyNode is the address of one of the nodes.
func (s *straggler) anyNode() string {
	all := s.addresses()
	return all[s.random.IntN(len(all))]
}

func (s *straggler) learnBirth() {
	ctx, cancel := env.WithTimeout(s.env, s.ctx, s.callTimeout())
	defer cancel()
	if reply, err := rpc.CallTyped[api.Empty, api.BirthReply](ctx, s.pool, s.anyNode(), api.MethodBirth,
		&api.Empty{}); err == nil {
		s.birth = reply.Version
	}
}

// append appends something to a list.
func (s *straggler) append(id api.ActorID) {
	item := s.unique()
	body, err := actor.Marshal(item)
	if err != nil {
		panic("sim: a text: " + err.Error())
	}
	key := api.CallKey{Client: "late " + s.name, Counter: uint64(len(s.made) + 1), Birth: s.birth}
	call := straggled{s.history.begin(s.now(), s.name, id, "append", item),
		(&api.InvokeRequest{Actor: id, Method: "append", Key: key, Body: body}).AppendTo(nil)}
	s.made = append(s.made, call)
	length, err := s.send(call.body)
	s.history.end(s.now(), call.op, length, err)
	s.events.op(call.op)
}

// repeat makes a call again: the answer is the one that it had, if it has one.
func (s *straggler) repeat(c straggled) {
	length, err := s.send(c.body)
	if err == nil && c.op.Outcome == OK && length != c.op.Output {
		s.violate("lists", "%s was answered %v at first, and %d when it was repeated", c.op, c.op.Output, length)
	}
}

func (s *straggler) send(body []byte) (length int64, err error) {
	ctx, cancel := env.WithTimeout(s.env, s.ctx, s.callTimeout())
	defer cancel()
	out, err := s.pool.Call(ctx, s.anyNode(), rpc.ClassCall, api.MethodInvoke, body)
	if err != nil {
		return 0, err
	}
	reply, err := api.DecodeInvokeReply(out)
	if err != nil {
		return 0, err
	}
	s.birth = max(s.birth, reply.Version)
	return length, actor.Unmarshal(reply.Body, &length)
}
