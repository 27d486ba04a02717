// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import "testing"

func TestUsageGrowsWithWork(t *testing.T) {
	before := usage()
	if before.MemoryBytes < 1<<20 || before.MemoryBytes > 1<<40 {
		t.Fatalf("this process has %d bytes", before.MemoryBytes)
	}
	held := make([]byte, 64<<20)
	for busy := true; busy; busy = usage().CPUMicros < before.CPUMicros+10_000 {
		for i := range held { // at least once: memory that was never written takes nothing
			held[i]++
		}
	}
	if now := usage(); now.MemoryBytes < before.MemoryBytes+32<<20 {
		t.Fatalf("with 64 MB more it has %d bytes, after %d", now.MemoryBytes, before.MemoryBytes)
	}
	_ = held[0]
}
