// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

// Flush writes what is in memory to a table.
func (db *DB) Flush() error { return db.pebble.Flush() }
