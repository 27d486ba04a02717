// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

// idleWorkersMax is the maximum number of goroutines that wait for a next task. Each keeps the stack that its last
// tasks have
// needed, some kilobytes.
const idleWorkersMax = 64

// workers run tasks on goroutines that have run others before. A new goroutine begins with a small stack, and that of
// a call grows several times until its handler runs and its batch is committed: most of what a short task costs.
type workers struct {
	// tasks has no buffer: a task goes to a worker that waits, or to a new goroutine.
	tasks chan func()
	// idle has a token for each worker that may wait.
	idle chan struct{}
}

// realWorkers are the process's.
var realWorkers = workers{tasks: make(chan func()), idle: make(chan struct{}, idleWorkersMax)}

func (w *workers) run(f func()) {
	select {
	case w.tasks <- f:
	default:
		go w.work(f)
	}
}

func (w *workers) work(f func()) {
	for {
		f()
		select {
		case w.idle <- struct{}{}:
		default:
			return // enough of them wait
		}
		f = <-w.tasks
		<-w.idle
	}
}
