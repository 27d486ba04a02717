// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package host

import (
	"runtime/metrics"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// usage is what the Go runtime knows of what the process takes.
func usage() api.Usage {
	samples := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(samples)
	return api.Usage{CPUMicros: int64(samples[0].Value.Float64() * 1e6), MemoryBytes: int64(samples[1].Value.Uint64())}
}
