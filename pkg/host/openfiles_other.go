// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package host

// openFilesLimit is not known here.
func openFilesLimit() (limit uint64, known bool) { return 0, false }
