// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// fullDisk is an engine that finds no more room once it is told so.
type fullDisk struct {
	occ.Engine
	full atomic.Bool
}

func (d *fullDisk) Apply(v kv.Version, batch []ryw.Mutation) error {
	if d.full.Load() {
		return &fs.PathError{Op: "write", Path: "000004.log", Err: syscall.ENOSPC}
	}
	return d.Engine.Apply(v, batch)
}

// TestFailedStoreEndsItsProcess shows that who serves a store whose disk has failed ends, and says why, instead of
// answering nobody.
func TestFailedStoreEndsItsProcess(t *testing.T) {
	w := newWorld(slog.New(slog.DiscardHandler))
	// Each begins to serve, and returns what waits for the end of that.
	for what, begin := range map[string]func(t *testing.T, s *store, in interrupts) func() error{
		"node": func(t *testing.T, s *store, in interrupts) func() error {
			mux := rpc.NewMux()
			s.register(w, mux)
			n, err := node.New(node.Config{
				Env: w.env, Store: s, StoreURL: s.joinerURL(), Transport: w.transport, Mux: mux, NodeID: "n",
				Listen:    "127.0.0.1:0",
				Heartbeat: 100 * time.Millisecond, LeaseTTL: time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Start(in.graceful); err != nil {
				t.Fatal(err)
			}
			return func() error { return serveUntil(w, in, n, s, time.Hour) }
		},
		"store": func(t *testing.T, s *store, in interrupts) func() error {
			l, err := w.transport.Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return func() error { return s.serve(w, in, l) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			p, _ := signalled()
			in, unlisten := listen(context.Background(), p)
			defer unlisten()
			disk := &fullDisk{Engine: occ.NewMemory()}
			s, err := embed(w, storeURL{schemePebble, "dir"}, disk)
			if err != nil {
				t.Fatal(err)
			}
			serve, ended := begin(t, s, in), make(chan error, 1)
			go func() { ended <- s.closeAfter(w, serve()) }()
			disk.full.Store(true)
			tx := s.Begin(kv.TxOptions{})
			tx.Set([]byte("k"), []byte("v"))
			if err := tx.Commit(t.Context()); err == nil {
				t.Error("committed to a full disk")
			}
			var b strings.Builder
			cli.PrintError(&b, <-ended)
			want := "error: the disk of dir is full: no space left on device\nmake room on it and start again"
			if !strings.HasPrefix(b.String(), want) {
				t.Errorf("it ends with %q, want %q", b.String(), want)
			}
		})
	}
}
