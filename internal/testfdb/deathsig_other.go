// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package main

import "syscall"

// dieWithUs can't be had here.
func dieWithUs() *syscall.SysProcAttr { return nil }
