// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"fmt"
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
	// WaitForRoom has the store wait on a full disk until there is room, rather than fail; see Open.
	WaitForRoom bool
	// Logger gets what Pebble has to say, each kind of message once in ten seconds; nil discards it.
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
	log := newLogger(o.Logger)
	vital, _ := fsys.(*vitalFS)
	if vital != nil {
		log.fatal = vital.fail
	}
	out := &pebble.Options{
		FS:           fsys,
		CacheSize:    o.CacheBytes,
		MemTableSize: uint64(o.MemTableBytes),
		// Pinned, so that a new release of Pebble does not make directories that
		// the last release of Kelpie can't read. Since WALSyncChunks a damaged log
		// is told from one that was cut short.
		FormatMajorVersion: pebble.FormatWALSyncChunks,
		Logger:             log,
		EventListener: &pebble.EventListener{
			// Errors by their text: they have stack traces, too.
			BackgroundError: func(err error) {
				log.say(slog.LevelError, "background error", "pebble: background error", "error", err.Error())
			},
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				log.say(slog.LevelError, "corruption "+info.Path, "pebble: corruption", "file", info.Path, "error",
					fmt.Sprint(info.Details))
			},
			DiskSlow: func(info pebble.DiskSlowInfo) {
				log.say(slog.LevelWarn, "slow disk", "pebble: slow disk", "file", info.Path, "operation",
					info.OpType.String(), "took", info.Duration)
			},
			WriteStallBegin: func(pebble.WriteStallBeginInfo) { vital.stall(true) },
			WriteStallEnd:   func() { vital.stall(false) },
		},
	}
	for i := range out.Levels {
		out.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return out
}
