// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"sync"
	"testing"
)

// TestWorkersRunEveryTaskOnce has many tasks start others, more than may wait, and some that wait for later ones.
func TestWorkersRunEveryTaskOnce(t *testing.T) {
	w := workers{tasks: make(chan func()), idle: make(chan struct{}, 3)}
	var mu sync.Mutex
	ran := make(map[int]int)
	var all sync.WaitGroup
	for round := range 100 {
		later := make(chan struct{})
		for i := range 10 {
			all.Add(2)
			w.run(func() {
				defer all.Done()
				if i == 0 {
					<-later // a task that waits keeps nobody else waiting
				}
				w.run(func() {
					defer all.Done()
					mu.Lock()
					defer mu.Unlock()
					ran[10*round+i]++
					if i == 9 {
						close(later)
					}
				})
			})
		}
	}
	all.Wait()
	for i := range 1000 {
		if ran[i] != 1 {
			t.Errorf("task %d ran %d times", i, ran[i])
		}
	}
	if len(w.idle) > 3 {
		t.Errorf("%d workers wait", len(w.idle))
	}
}
