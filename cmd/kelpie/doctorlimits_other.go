// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package main

import "errors"

// openFilesLimit says that the limit is not known.
func openFilesLimit() (limit uint64, known bool) { return 0, false }

// diskFree fails with errors.ErrUnsupported.
func diskFree(string) (uint64, error) { return 0, errors.ErrUnsupported }
