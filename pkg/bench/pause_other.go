// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package bench

import "time"

func pause(d time.Duration) { time.Sleep(d) }
