// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package tcp

import (
	"fmt"
	"syscall"
)

// descriptors says how many the process may have, if that is known.
func descriptors() string {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return ""
	}
	return fmt.Sprintf(" of %d", r.Cur)
}
