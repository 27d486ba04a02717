// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package coro

import (
	"bytes"
	"runtime"
	"strconv"
)

// goroutineChecked makes Park check that its caller is the running task and not
// a plain goroutine. That costs microseconds, so it is done where races are
// looked for.
const goroutineChecked = true

// goroutineID returns the identity of the calling goroutine, which only the
// heading of its stack tells.
func goroutineID() uint64 {
	var buf [64]byte
	heading := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(heading, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("coro: a goroutine's stack of unknown form: " + string(heading))
	}
	return id
}
