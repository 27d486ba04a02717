// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Defaults of Options.
const (
	defaultCacheBytes    = 64 << 20
	defaultMemTableBytes = 16 << 20
)

// Options are the choices made when opening. The zero value is meant for production.
type Options struct {
	// FS is the file system; nil is the machine's.
	FS vfs.FS
	// CacheBytes is the size of the cache of blocks; 0 is 64 MiB.
	CacheBytes int64
	// MemTableBytes is how much is written to memory and log before a table
	// is written; 0 is 16 MiB. It bounds the log to be replayed when opening, to about twice that.
	MemTableBytes int
	// Logger gets what Pebble has to say; nil discards it.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = defaultMemTableBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) pebble(fsys vfs.FS) *pebble.Options {
	out := &pebble.Options{
		FS:           fsys,
		CacheSize:    o.CacheBytes,
		MemTableSize: uint64(o.MemTableBytes),
		// Pinned, so that a new release of Pebble does not make directories that
		// the last release of Kelpie can't read. Since WALSyncChunks a damaged log
		// is told from one that was cut short.
		FormatMajorVersion: pebble.FormatWALSyncChunks,
		Logger:             logger{o.Logger},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { o.Logger.Error("pebble: background error", "error", err) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				o.Logger.Error("pebble: corruption", "file", info.Path, "error", info.Details)
			},
			DiskSlow: func(info pebble.DiskSlowInfo) {
				o.Logger.Warn("pebble: slow disk", "file", info.Path, "operation", info.OpType.String(), "took",
					info.Duration)
			},
		},
	}
	for i := range out.Levels {
		out.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return out
}
