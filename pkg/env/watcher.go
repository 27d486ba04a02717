// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

// watcher waits for the end of a context: a child, or a function.
type watcher struct {
	prev, next *watcher
	linked     bool
	child      *cancelCtx
	f          func()
}

// watchers is a list in the order of arrival. The context's lock guards it.
type watchers struct{ head, tail *watcher }

func (l *watchers) add(w *watcher) {
	w.linked = true
	w.prev = l.tail
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
}

// remove unlinks w and reports whether it was in the list; w may be nil.
func (l *watchers) remove(w *watcher) bool {
	if w == nil || !w.linked {
		return false
	}
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
	w.prev, w.next, w.linked = nil, nil, false
	return true
}
