// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package pebbledb

import "github.com/cockroachdb/pebble/v2/vfs"

// allocate has a new file take up n bytes of the disk.
func allocate(f vfs.File, n int64) error { return writeZeros(f, n) }

// taken is how much of the disk a file takes up.
func taken(info vfs.FileInfo) int64 { return info.Size() }
