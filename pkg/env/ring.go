// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

// ringSlotsKept is how many slots an empty ring keeps: a burst that has passed
// must not hold its memory.
const ringSlotsKept = 1024

// ring is a first-in first-out buffer that grows as needed.
type ring[T any] struct {
	slots []T // their number is a power of two
	first int
	len   int
}

func (r *ring[T]) at(i int) *T { return &r.slots[(r.first+i)&(len(r.slots)-1)] }

func (r *ring[T]) pushBack(v T) {
	r.grow()
	*r.at(r.len) = v
	r.len++
}

func (r *ring[T]) pushFront(v T) {
	r.grow()
	r.first = (r.first + len(r.slots) - 1) & (len(r.slots) - 1)
	r.slots[r.first] = v
	r.len++
}

// popFront returns the oldest element; there must be one.
func (r *ring[T]) popFront() T {
	var zero T
	slot := r.at(0)
	v := *slot
	*slot = zero
	r.first = (r.first + 1) & (len(r.slots) - 1)
	r.len--
	r.shrink()
	return v
}

// drain appends all elements to buf, oldest first, and leaves the ring empty.
func (r *ring[T]) drain(buf []T) []T {
	if r.len == 0 {
		return buf
	}
	end := min(r.first+r.len, len(r.slots))
	head, tail := r.slots[r.first:end], r.slots[:r.len-(end-r.first)]
	buf = append(append(buf, head...), tail...)
	clear(head)
	clear(tail)
	r.first, r.len = 0, 0
	r.shrink()
	return buf
}

func (r *ring[T]) grow() {
	if r.len < len(r.slots) {
		return
	}
	slots := make([]T, max(8, 2*len(r.slots)))
	n := copy(slots, r.slots[r.first:])
	copy(slots[n:], r.slots[:r.first])
	r.slots, r.first = slots, 0
}

func (r *ring[T]) shrink() {
	if r.len == 0 && len(r.slots) > ringSlotsKept {
		r.slots, r.first = nil, 0
	}
}
