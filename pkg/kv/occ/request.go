// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package occ

import (
	"strings"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// request is a commit to be decided. It shares no memory with its caller, who may be gone.
type request struct {
	priority  kv.Priority
	read      kv.Version
	reads     []keyRange
	writes    []keyRange
	mutations []ryw.Mutation
	bytes     int // about what it takes in memory
	queued    int // bytes of the bound on those that wait; 0 is none

	// order is set when the request joins a batch.
	order  uint16
	answer *env.Future[ryw.Committed]
}

// elementBytes is about what a mutation or a range takes beside its keys and values.
const elementBytes = 64

// commitBytes is about what a commit takes in memory.
func commitBytes(c *ryw.Commit) int {
	n := elementBytes
	for _, m := range c.Mutations {
		n += len(m.Key) + len(m.Value) + elementBytes
	}
	return n + rangesBytes(c.ReadConflicts) + rangesBytes(c.WriteConflicts)
}

func rangesBytes(ranges []ryw.KeyRange) int {
	n := 0
	for _, r := range ranges {
		n += len(r.Begin) + len(r.End) + elementBytes
	}
	return n
}

func newRequest(e env.Env, c *ryw.Commit, bytes int) *request {
	return &request{
		priority:  c.Priority,
		read:      c.ReadVersion,
		reads:     cloneRanges(c.ReadConflicts),
		writes:    cloneRanges(c.WriteConflicts),
		mutations: cloneMutations(c.Mutations),
		bytes:     bytes,
		answer:    env.NewFuture[ryw.Committed](e),
	}
}

// cloneRanges copies ranges, all into one string. Empty ones are left out.
func cloneRanges(ranges []ryw.KeyRange) []keyRange {
	if len(ranges) == 0 {
		return nil
	}
	n := 0
	for _, r := range ranges {
		n += len(r.Begin) + len(r.End)
	}
	var all strings.Builder
	all.Grow(n)
	for _, r := range ranges {
		all.Write(r.Begin)
		all.Write(r.End)
	}
	rest := all.String()
	next := func(n int) (s string) {
		s, rest = rest[:n], rest[n:]
		return s
	}
	cloned := make([]keyRange, 0, len(ranges))
	for _, r := range ranges {
		if c := (keyRange{next(len(r.Begin)), next(len(r.End))}); c.begin < c.end {
			cloned = append(cloned, c)
		}
	}
	return cloned
}

// cloneMutations copies mutations, all into one buffer.
func cloneMutations(mutations []ryw.Mutation) []ryw.Mutation {
	n := 0
	for _, m := range mutations {
		n += len(m.Key) + len(m.Value)
	}
	buf := make([]byte, 0, n)
	clone := func(b []byte) []byte {
		at := len(buf)
		buf = append(buf, b...)
		return buf[at:len(buf):len(buf)]
	}
	cloned := make([]ryw.Mutation, len(mutations))
	for i, m := range mutations {
		cloned[i] = ryw.Mutation{Kind: m.Kind, Op: m.Op, Key: clone(m.Key), Value: clone(m.Value)}
	}
	return cloned
}
