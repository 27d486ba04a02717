// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"container/heap"
	"time"
)

// timer is a pending call. It is on the clock of its machine, or on virtual
// time if it is the scheduler's own.
type timer struct {
	sched   *Scheduler
	machine *Machine
	at      time.Duration // virtual time
	local   time.Duration // reading of the machine's clock
	seq     uint64
	f       func()
	index   int // in the heap, -1 outside
	over    bool
}

// Stop implements env.Timer.
func (t *timer) Stop() bool {
	if t.over || t.machine.killed {
		return false
	}
	t.over = true
	if t.index >= 0 {
		heap.Remove(&t.sched.timers, t.index)
	}
	return true
}

// timerHeap is ordered by time, then by the order in which timers were made.
type timerHeap []*timer

func (h *timerHeap) push(t *timer) { heap.Push(h, t) }

func (h *timerHeap) pop() *timer { return heap.Pop(h).(*timer) }

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = -1
	return t
}
