// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"syscall"
	"time"
)

// pause sleeps in the kernel, which is late by a tenth of a millisecond. The runtime's timers are late by half of one
// when nothing else happens, which would be added to every latency of an open loop.
func pause(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // interrupted, it is early, and no worse than it was late
}
