// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Run runs a node that hosts the kinds, until it is asked to stop or ends by itself. The first
// signal, or the end of ctx, stops it gracefully, within 30 s; the second at once (ErrInterrupted). version is the
// program's, for people. It blocks. Errors are for people (see PrintError).
func Run(ctx context.Context, p Process, o Options, version string, kinds ...actor.Kind) error {
	if err := o.validate(); err != nil {
		return err
	}
	w := newWorld(o.Log.logger(p.Stderr))
	in, unlisten := listen(ctx, p)
	defer unlisten()
	err := runNode(w, in, p, &o, version, kinds)
	if in.graceful.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped, as asked, before it served
	}
	return err
}

func runNode(w world, in interrupts, p Process, o *Options, version string, kinds []actor.Kind) (err error) {
	pl, err := findPlace(in.graceful, w, p, o)
	if err != nil {
		return err
	}
	s, err := openStore(in.graceful, w, pl.store, pl.dir)
	if err != nil {
		return err
	}
	defer func() { err = s.closeAfter(w, err) }()
	// Before anybody else hears of the node: a directory that can't be written to is found out here.
	if err := pl.keep(pl.ClusterID); err != nil {
		return err
	}
	mux := rpc.NewMux()
	s.register(w, mux)
	n, err := node.New(node.Config{
		Env: w.env, Store: s, StoreURL: s.joinerURL(), Transport: w.transport, Mux: mux,
		NodeID: pl.Node, Listen: o.Listen, Advertise: o.Advertise, ClusterID: pl.ClusterID, Version: version,
		Kinds: kinds, Capacity: o.Capacity, LeaseTTL: o.LeaseTTL, Heartbeat: o.Heartbeat, Logger: w.log,
	})
	if err != nil {
		return err
	}
	if err := n.Start(in.graceful); err != nil {
		return adviseStart(err, pl)
	}
	if err := pl.keep(n.ClusterID()); err != nil {
		if stopErr := in.stop(n.Stop); stopErr != nil {
			w.log.Error("the node did not stop cleanly", "error", stopErr)
		}
		return err
	}
	w.log.Info("serving", "node", pl.Node, "address", n.Addr(), "cluster", n.ClusterID(), "store", s.url.String())
	return serveUntil(w, in, n, s)
}

// serveUntil waits for the node's end, or ends it when asked to.
func serveUntil(w world, in interrupts, n *node.Node, s *store) error {
	ended := make(chan error, 1)
	go func() { ended <- n.Wait(context.Background()) }()
	select {
	case err := <-ended:
		return err
	case <-in.graceful.Done():
	}
	w.log.Info("stopping; a second signal stops at once")
	s.release()
	err := in.stop(n.Stop)
	if err == nil {
		w.log.Info("stopped")
	}
	return err
}

// adviseStart says what to do about a node that could not start.
func adviseStart(err error, pl *place) error {
	switch api.CodeOf(err) {
	case api.CodeMismatch:
		if pl.dir != "" {
			return Advise(err, "this node's data directory is %s; a node that should begin anew needs another one, by --data-dir", pl.dir)
		}
	}
	return err
}
