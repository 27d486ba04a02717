// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"sync"
)

// waiter is a task that is blocked in a primitive.
type waiter[T any] struct {
	parker     Parker
	prev, next *waiter[T]
	granted    bool
	val        T     // what the task brings, or what it is handed
	err        error // what it is told with the grant
}

// waitList is the tasks that are blocked in a primitive, in the order of their
// arrival. All its methods are called with the primitive's lock held.
type waitList[T any] struct {
	env        Env
	head, tail *waiter[T]
	spare      *waiter[T] // one to use again: it is in no list and its parker has no permit
}

// add puts a waiter at the end, for the calling task to wait with.
func (l *waitList[T]) add(v T) *waiter[T] {
	w := l.spare
	if w != nil {
		l.spare = nil
	} else {
		w = &waiter[T]{parker: l.env.NewParker()}
	}
	w.val = v
	w.prev = l.tail
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
	return w
}

// grant ends the wait of w, which is in the list. From here on w has what it
// waited for, even if its context ends before it runs.
func (l *waitList[T]) grant(w *waiter[T], err error) {
	l.remove(w)
	w.granted, w.err = true, err
	w.parker.Unpark()
}

func (l *waitList[T]) grantAll(err error) {
	for l.head != nil {
		l.grant(l.head, err)
	}
}

func (l *waitList[T]) remove(w *waiter[T]) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	w.prev, w.next = nil, nil
}

// wait blocks the calling task until w is granted, and returns what it was
// handed and told, or until ctx ends, and returns the cause of that with w out
// of the list. It lets go of mu, the primitive's lock, for as long as it blocks.
//
// If the task is killed meanwhile, wait panics, like Park, after calling killed, if that is not nil,
// with what w had been granted or nil; mu is held then, too.
func (l *waitList[T]) wait(ctx context.Context, mu *sync.Mutex, w *waiter[T], killed func(granted *waiter[T])) (
	T, error) {
	returned := false
	mu.Unlock()
	defer func() {
		if returned {
			return
		}
		mu.Lock()
		if !w.granted {
			l.remove(w)
			w = nil
		}
		if killed != nil {
			killed(w)
		}
	}()
	err := w.parker.Park(ctx)
	returned = true
	mu.Lock()

	v := w.val
	switch {
	case err == nil:
		err = w.err
	case w.granted:
		return v, w.err // with a permit left in its parker
	default:
		l.remove(w)
	}
	*w = waiter[T]{parker: w.parker}
	l.spare = w
	return v, err
}
