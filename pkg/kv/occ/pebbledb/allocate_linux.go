// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"errors"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// allocate has a new file take up n bytes of the disk.
func allocate(f vfs.File, n int64) error {
	fd := f.Fd()
	if fd == vfs.InvalidFd {
		return writeZeros(f, n)
	}
	err := syscall.Fallocate(int(fd), 0, 0, n)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return writeZeros(f, n)
	}
	return err
}

// taken is how much of the disk a file takes up.
func taken(info vfs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
