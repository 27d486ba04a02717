// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// checkLog returns kv.ErrCorrupt if the newest log in a directory is damaged before its end. Pebble takes a damaged
// record of it for the end, as after a loss of power, unless a later block says that it had been synced; and what
// blocks say of that lags behind: in v2.1.7 it counts only the blocks that were synced before they were full. Earlier
// logs have to be whole for Pebble.
func checkLog(fsys vfs.FS, dir string) error {
	name, number, err := newestLog(fsys, dir)
	if err != nil || name == "" {
		return err
	}
	data, err := readFile(fsys, fsys.PathJoin(dir, name))
	if err != nil {
		return err
	}
	if at, ok := logFormat(number).damagedAt(data); ok {
		return damagedRecord(fsys.PathJoin(dir, name), at)
	}
	return nil
}

// newestLog returns the name and the number of the log with the greatest number, "" if there is none.
func newestLog(fsys vfs.FS, dir string) (newest string, number uint32, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return "", 0, err
	}
	for _, name := range names {
		if n, ok := logNumber(name); ok && (newest == "" || n > number) {
			newest, number = name, n
		}
	}
	return newest, number, nil
}

// logNumber returns the number of a log by its name.
func logNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, logSuffix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil
}

func damagedRecord(path string, at int) error {
	return kv.ErrCorrupt.With(fmt.Errorf("%s: the record at byte %d is damaged", path, at))
}
