// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// clock measures time since the test began, and never goes back.
type clock struct{ began time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() time.Duration { return time.Since(c.began) }

// journal is what happened when: by this test's clock, as histories have it, and by that on the wall, as logs have it.
type journal struct {
	clock

	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	at := fmt.Sprintf("%s %s  ", seconds(j.now()), time.Now().Format("15:04:05.000"))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, at+fmt.Sprintf(format, args...))
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// seconds is a time of the test's clock, for a column.
func seconds(d time.Duration) string { return fmt.Sprintf("%9.4fs", d.Seconds()) }
