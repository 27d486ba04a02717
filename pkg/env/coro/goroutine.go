// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package coro

// goroutineChecked is set under the race detector.
const goroutineChecked = false

func goroutineID() uint64 { return 0 }
