// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// queue holds the requests for which the open batch has no room, urgent ones first.
type queue struct{ urgent, normal []*request }

func (q *queue) empty() bool { return len(q.urgent)+len(q.normal) == 0 }

func (q *queue) of(r *request) *[]*request {
	if r.priority == kv.PriorityHigh {
		return &q.urgent
	}
	return &q.normal
}

func (q *queue) push(r *request) {
	of := q.of(r)
	*of = append(*of, r)
}

// first returns the next request, nil if there is none.
func (q *queue) first() *request {
	for _, of := range [...][]*request{q.urgent, q.normal} {
		if len(of) > 0 {
			return of[0]
		}
	}
	return nil
}

func (q *queue) pop() {
	of := q.of(q.first())
	*of = dropFront(*of, 1)
}

func (q *queue) remove(r *request) bool {
	of := q.of(r)
	i := slices.Index(*of, r)
	if i < 0 {
		return false
	}
	*of = slices.Delete(*of, i, i+1)
	return true
}

// takeAll empties the queue.
func (q *queue) takeAll() []*request {
	all := slices.Concat(q.urgent, q.normal)
	*q = queue{}
	return all
}
