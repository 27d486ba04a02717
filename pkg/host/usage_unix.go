// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package host

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// maxrssBytes is the unit of ru_maxrss: getrusage(2) of macOS says bytes, of the others kilobytes.
func maxrssBytes() int64 {
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return 1
	}
	return 1024
}

// usage is what the process takes of its machine. Where the system does not tell how much memory it has now, that is
// what it had at most.
func usage() api.Usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return api.Usage{}
	}
	u := api.Usage{
		CPUMicros:   (int64(r.Utime.Sec)+int64(r.Stime.Sec))*1_000_000 + int64(r.Utime.Usec) + int64(r.Stime.Usec),
		MemoryBytes: int64(r.Maxrss) * maxrssBytes(),
	}
	// Linux: the second field of statm is the resident pages (proc_pid_statm(5)).
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(statm); len(fields) > 1 {
			if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
				u.MemoryBytes = pages * int64(os.Getpagesize())
			}
		}
	}
	return u
}
